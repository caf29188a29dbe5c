package fluxconf

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// sample is the MiniCluster of the examples.
func sample() Options {
	return Options{Name: "flux-sample", Service: "flux-service", Ceiling: 4}
}

func TestBrokerConfigOfFourRanks(t *testing.T) {
	const want = `[resource]
path = "/gopherlocks/flux/R"
noverify = true

[bootstrap]
curve_cert = "/gopherlocks/flux/curve.cert"
default_port = 8050
default_bind = "tcp://*:%p"
default_connect = "tcp://%h.flux-service:%p"
enable_ipv6 = true
hosts = [ { host = "flux-sample-[0-3]" } ]

[ingest.validator]
plugins = [ "jobspec", "feasibility" ]

[tbon]
tcp_user_timeout = "20s"
connect_timeout = "5s"

[sched-fluxion-qmanager]
queue-policy = "easy"

[sched-fluxion-resource]
match-policy = "lonode"
`
	got, err := BrokerConfig(sample())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestBrokerConfigFollowsItsOptions(t *testing.T) {
	tests := map[string]struct {
		change        func(*Options)
		with, without string
	}{
		"queue policy":    {func(o *Options) { o.QueuePolicy = "fcfs" }, `queue-policy = "fcfs"`, `"easy"`},
		"connect timeout": {func(o *Options) { o.ConnectTimeout = "1.5m" }, `connect_timeout = "1.5m"`, `"5s"`},
		"simple": {
			func(o *Options) { o.Simple = true },
			"[modules.alternatives]\nsched = \"sched-simple\"\nfeasibility = \"sched-simple\"\n", "fluxion",
		},
		"state": {func(o *Options) { o.KeepsState = true }, "[kvs]\ncheckpoint-period = \"5s\"\n", ""},
		"one rank": {
			func(o *Options) { o.Ceiling = 1 },
			`hosts = [ { host = "flux-sample-0" } ]`, "[0",
		},
	}
	for name, tt := range tests {
		o := sample()
		tt.change(&o)
		got, err := BrokerConfig(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(got, tt.with) || tt.without != "" && strings.Contains(got, tt.without) {
			t.Errorf("%s: want it with %q and without %q:\n%s", name, tt.with, tt.without, got)
		}
	}
}

func TestBrokerConfigRefuses(t *testing.T) {
	tests := map[string]func(*Options){
		`name "" must be a DNS name`:                        func(o *Options) { o.Name = "" },
		`name "a\"b" must be a DNS name`:                    func(o *Options) { o.Name = `a"b` },
		`service "%h" must be a DNS name`:                   func(o *Options) { o.Service = "%h" },
		"ceiling 0 must be 1 to 100000":                     func(o *Options) { o.Ceiling = 0 },
		"ceiling 100001 must be 1 to 100000":                func(o *Options) { o.Ceiling = 100_001 },
		`flux.scheduler.queuePolicy "lifo" must be one of`:  func(o *Options) { o.QueuePolicy = "lifo" },
		`flux.scheduler.queuePolicy "easy" is Fluxion's`:    func(o *Options) { o.Simple, o.QueuePolicy = true, "easy" },
		`flux.connectTimeout "5" must be a number with`:     func(o *Options) { o.ConnectTimeout = "5" },
		`flux.connectTimeout "5s\n" must be a number with`:  func(o *Options) { o.ConnectTimeout = "5s\n" },
		"flux.brokerConfig holds white space only":          func(o *Options) { o.Custom = " \n" },
		"flux.brokerConfig must be text in UTF-8":           func(o *Options) { o.Custom = "a = \"\xff\"" },
		"flux.brokerConfig must be text in UTF-8 without N": func(o *Options) { o.Custom = "a = 1\x00" },
	}
	for want, change := range tests {
		o := sample()
		change(&o)
		if got, err := BrokerConfig(o); err == nil || !strings.Contains(err.Error(), want) || got != "" {
			t.Errorf("BrokerConfig = %q, %v, want an error with %q", got, err, want)
		}
	}
}

func TestCustomConfigTakesThePlaceOfOurs(t *testing.T) {
	const custom = "[resource]\nnoverify = false\n"
	if got, err := BrokerConfig(Options{Custom: custom}); err != nil || got != custom {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSchedulerEnvironmentIsForSimpleOnly(t *testing.T) {
	if got := SchedulerEnvironment(false); len(got) != 0 {
		t.Errorf("with Fluxion: %v", got)
	}
	got := SchedulerEnvironment(true)
	if got["FLUXION_RESOURCE_RC_NOOP"] == "" || got["FLUXION_QMANAGER_RC_NOOP"] == "" {
		t.Errorf("with sched-simple: %v", got)
	}
}

func TestQuote(t *testing.T) {
	tests := map[string]string{
		"":             `""`,
		"a-[0-3]":      `"a-[0-3]"`,
		`a"b\c`:        `"a\"b\\c"`,
		"a\tb\nc\r":    `"a\tb\nc\u000D"`,
		"\x00\x1f\x7f": `"\u0000\u001F\u007F"`,
		"größe €":      `"größe €"`,
	}
	for value, want := range tests {
		if got := quote(value); got != want {
			t.Errorf("quote(%q) = %s, want %s", value, got, want)
		}
	}
}

// The escapes that quote uses are those that JSON and TOML have in common.
func FuzzQuote(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\"\\\x7f\n\u2028")
	f.Add("\xff\xc3")
	f.Fuzz(func(t *testing.T, value string) {
		quoted := quote(value)
		if !utf8.ValidString(quoted) {
			t.Fatalf("%q is not UTF-8", quoted)
		}
		for _, r := range quoted {
			if r < ' ' || r == 0x7f {
				t.Fatalf("%q has the control character %U, which TOML forbids", quoted, r)
			}
		}
		var back string
		if err := json.Unmarshal([]byte(quoted), &back); err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		// Each byte that is not UTF-8 becomes one U+FFFD, as conversion to runes does.
		if want := string([]rune(value)); back != want {
			t.Fatalf("quote(%q) came back as %q", value, back)
		}
	})
}

// FuzzBrokerConfig: what is accepted is TOML that means what was asked for, and
// names ceiling hosts; what is refused leaves nothing.
func FuzzBrokerConfig(f *testing.F) {
	f.Add("flux-sample", "flux-service", int32(4), false, "easy", "5s", true)
	f.Add("a", "b", int32(1), true, "", "1.5m", false)
	f.Add("a\"\n[kvs]", "%h", int32(0), true, "fcfs", "5s\nx", false)
	f.Fuzz(func(t *testing.T, name, service string, ceiling int32, simple bool, policy, timeout string, keepsState bool) {
		o := Options{
			Name: name, Service: service, Ceiling: ceiling, Simple: simple, QueuePolicy: policy, ConnectTimeout: timeout, KeepsState: keepsState,
		}
		text, err := BrokerConfig(o)
		if err != nil {
			if text != "" {
				t.Fatalf("refused with %v, yet there is %q", err, text)
			}
			return
		}
		var got struct {
			Resource  struct{ Noverify bool }
			Bootstrap struct {
				Connect string `toml:"default_connect"`
				Hosts   []struct{ Host string }
			}
			Tbon struct {
				Timeout string `toml:"connect_timeout"`
			}
			KVS      map[string]string
			Qmanager struct {
				Policy string `toml:"queue-policy"`
			} `toml:"sched-fluxion-qmanager"`
			Resources struct {
				Policy string `toml:"match-policy"`
			} `toml:"sched-fluxion-resource"`
			Modules map[string]map[string]string
		}
		if _, err := toml.Decode(text, &got); err != nil {
			t.Fatalf("%+v: %v in\n%s", o, err, text)
		}
		if len(got.Bootstrap.Hosts) != 1 || got.Bootstrap.Hosts[0].Host != Hosts(name, ceiling) {
			t.Fatalf("%+v: hosts %+v", o, got.Bootstrap.Hosts)
		}
		if !got.Resource.Noverify || got.Bootstrap.Connect != "tcp://%h."+service+":%p" {
			t.Fatalf("%+v: %+v", o, got)
		}
		if got.Tbon.Timeout != orDefault(timeout, DefaultConnectTimeout) || (len(got.KVS) > 0) != keepsState {
			t.Fatalf("%+v: %+v", o, got)
		}
		wantPolicy, wantMatch := orDefault(policy, DefaultQueuePolicy), "lonode"
		if simple {
			wantPolicy, wantMatch = "", ""
		}
		if got.Qmanager.Policy != wantPolicy || got.Resources.Policy != wantMatch || (got.Modules["alternatives"]["sched"] == "sched-simple") != simple {
			t.Fatalf("%+v: %+v", o, got)
		}
	})
}
