package fluxcli

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	tests := []struct {
		output string
		want   Version
	}{
		{"commands:    \t\t0.88.0\nlibflux-core:\t\t0.88.0\nbuild-options:\t\t+hwloc.api==2.9.0+zmq==4.3.5\n", Version{0, 88, 0}},
		{"commands:    \t\t0.88.0-59-g4a5e79f56\nlibflux-core:\t\t0.88.0\n", Version{0, 88, 0}},
		{"libflux-core:\t\t0.1.0\ncommands:    \t\t0.51.2\n", Version{0, 51, 2}},
		{"commands:\t1.2\n", Version{1, 2, 0}},
	}
	for _, tt := range tests {
		got, err := parseVersion(tt.output)
		if err != nil || got != tt.want {
			t.Errorf("parseVersion(%q) = %v, %v, want %v", tt.output, got, err, tt.want)
		}
	}
	for _, output := range []string{"", "flux: command not found", "commands: unknown", "commands: 99999999999999999999.1.1"} {
		if got, err := parseVersion(output); err == nil {
			t.Errorf("parseVersion(%q) = %v, want an error", output, got)
		}
	}
}

func TestVersionsCompareByNumber(t *testing.T) {
	ascending := []Version{{0, 9, 9}, {0, 51, 0}, {0, 51, 1}, {0, 66, 0}, {0, 100, 0}, {1, 0, 0}}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := a.AtLeast(b), i >= j; got != want {
				t.Errorf("%v.AtLeast(%v) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestTooOldVersionSaysWhatIsNeeded(t *testing.T) {
	if err := Minimum.checkMinimum(); err != nil {
		t.Errorf("checkMinimum() of the minimum: %v", err)
	}
	err := Version{0, 50, 3}.checkMinimum()
	if err == nil {
		t.Fatal("checkMinimum() of 0.50.3 = nil, want an error")
	}
	for _, want := range []string{"0.50.3", "0.51.0", "newer Flux"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("message %q does not name %q", err, want)
		}
	}
}

// drainsOf is drains as text that can be compared.
func drainsOf(drains Drains) []string {
	var text []string
	for _, drain := range drains {
		text = append(text, drain.Ranks.String()+"|"+drain.Reason)
	}
	return text
}

func TestParseDrains(t *testing.T) {
	tests := []struct {
		output string
		want   []string
	}{
		{"", nil},
		{"\n", nil},
		{"drained=2-3 gopherlocks: going\n", []string{"2-3|gopherlocks: going"}},
		{"drained=0 \ndrained=1,3 bad disk\n", []string{"0|", "1,3|bad disk"}},
		{"drained=0 no line end", []string{"0|no line end"}},
		{"drained=1 first\n5 second\n\ndrained=2 x\n", []string{"1|first\n5 second\n", "2|x"}},
	}
	for _, tt := range tests {
		got, err := parseDrains(tt.output, "drained=")
		if err != nil || !slices.Equal(drainsOf(got), tt.want) {
			t.Errorf("parseDrains(%q) = %q, %v, want %q", tt.output, drainsOf(got), err, tt.want)
		}
	}
	for _, output := range []string{"2 without the mark\n", "drained=two words\n", "drained=5-1 x\n"} {
		if got, err := parseDrains(output, "drained="); err == nil {
			t.Errorf("parseDrains(%q) = %q, want an error", output, drainsOf(got))
		}
	}
}

func TestParseDrainedSinceOnline(t *testing.T) {
	// As flux-core 0.88 printed it.
	output := `{"timestamp":1795651818.3610907,"name":"restart","context":{"ranks":"0-3","online":"","nodelist":"x-0,x-1,x-2,x-3"}}
{"timestamp":1795651818.5797532,"name":"online","context":{"idset":"0"}}
{"timestamp":1795651818.6136234,"name":"resource-define","context":{"method":"dynamic-discovery"}}
{"timestamp":1795651818.9517763,"name":"drain","context":{"idset":"0-2","nodelist":"x-0,x-1,x-2","reason":"hello","overwrite":0}}
{"timestamp":1795651819.834275,"name":"online","context":{"idset":"1,3"}}
{"timestamp":1795651820.834275,"name":"drain","context":{"idset":"3","nodelist":"x-3","overwrite":0}}
{"timestamp":1795651820.934275,"name":"undrain","context":{"idset":"0","nodelist":"x-0","overwrite":0}}
`
	if got, err := parseDrainedSinceOnline(output); err != nil || got.String() != "2-3" {
		t.Errorf("%q, %v, want 2-3", got, err)
	}
	if got, err := parseDrainedSinceOnline(output + output[:strings.Index(output, "\n")+1]); err != nil || got.Len() > 0 {
		t.Errorf("after a restart: %q, %v, want none", got, err)
	}
	for _, bad := range []string{"no JSON\n", `{"name":"drain","context":{"idset":"x"}}`} {
		if got, err := parseDrainedSinceOnline(bad); err == nil {
			t.Errorf("%q is read as %q, want an error", bad, got)
		}
	}
}

func TestDrainsAreChosenByReason(t *testing.T) {
	drains, err := parseDrains("drained=0-1,5 gopherlocks: going\ndrained=2 not gopherlocks: this\ndrained=3 \ndrained=7 gopherlocks:\n", "drained=")
	if err != nil {
		t.Fatal(err)
	}
	if got := drains.Because("gopherlocks:").String(); got != "0-1,5,7" {
		t.Errorf("Because(ours) = %q, want 0-1,5,7", got)
	}
	if got := drains.Ranks().String(); got != "0-3,5,7" {
		t.Errorf("Ranks() = %q, want 0-3,5,7", got)
	}
}

func TestParseJobs(t *testing.T) {
	got, err := parseJobs("ƒ2oVNnKfP9 0-1\nfABC 3\nƒ3 2\n\nƒ4 0\nƒ5 \n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ƒ2oVNnKfP9|0-1", "fABC|3", "ƒ3|2", "ƒ4|0", "ƒ5|"}
	var text []string
	for _, job := range got {
		text = append(text, job.ID+"|"+job.Ranks.String())
	}
	if !slices.Equal(text, want) {
		t.Errorf("parseJobs = %q, want %q", text, want)
	}
	for _, output := range []string{"ƒ1\n", "ƒ1 zero\n", "ƒ1 0 name\n"} {
		if got, err := parseJobs(output); err == nil {
			t.Errorf("parseJobs(%q) = %v, want an error", output, got)
		}
	}
}

func TestLongOutputIsShortenedToItsEnd(t *testing.T) {
	got := shorten(strings.Repeat("ƒ", 5000) + "the reason\n")
	if !strings.HasSuffix(got, "the reason") || len(got) > 1010 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("shorten kept %d bytes: …%q", len(got), got[len(got)-20:])
	}
}

func TestErrorOfACommandWithManyRanksIsShort(t *testing.T) {
	err := &CommandError{Args: []string{"resource", "drain", strings.Repeat("1,3,", 50_000), "ours"}, Err: errors.New("no answer")}
	if got := err.Error(); len(got) > 300 || !strings.HasPrefix(got, "flux resource drain 1,3,1,3,") || !strings.HasSuffix(got, "… ours: no answer") {
		t.Errorf("an error of %d bytes: %.60q", len(got), got)
	}
}

// FuzzParse: whatever a command prints, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add("drained=0-1 reason\n")
	f.Add("ƒ1 0\n")
	f.Add("commands: 0.88.0\n")
	f.Fuzz(func(t *testing.T, output string) {
		if drains, err := parseDrains(output, "drained="); err == nil {
			marked := strings.Count("\n"+output, "\ndrained=")
			if len(drains) != marked {
				t.Errorf("parseDrains(%q) found %d lines of %d", output, len(drains), marked)
			}
		}
		if jobs, err := parseJobs(output); err == nil && len(jobs) > strings.Count(output, "\n")+1 {
			t.Errorf("parseJobs(%q) found %d jobs", output, len(jobs))
		}
		_, _ = parseRanks(output)
		_, _ = parseDrainedSinceOnline(output)
		_, _ = parseVersion(output)
	})
}
