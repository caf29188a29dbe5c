package fluxconf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// realFlux skips the test where there is no Flux to ask.
func realFlux(t *testing.T) {
	t.Helper()
	if os.Getenv("FLUX_TEST_REAL") != "1" {
		t.Skip("needs a real Flux: set FLUX_TEST_REAL=1, with flux on PATH")
	}
	if _, err := exec.LookPath("flux"); err != nil {
		t.Fatalf("FLUX_TEST_REAL=1, but flux is not on PATH: %v", err)
	}
}

// flux runs a command of Flux with input and returns what it prints.
func flux(t *testing.T, input []byte, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "flux", arguments...)
	command.Stdin = bytes.NewReader(input)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("flux %s: %v\n%s", strings.Join(arguments, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(output), "\n")
}

func TestRealFluxWritesTheSameR(t *testing.T) {
	realFlux(t)
	for _, maxSize := range []int32{1, 4} {
		hosts := Hosts("flux-sample", maxSize)
		ours, err := Resources(hosts, maxSize, 8, 2)
		if err != nil {
			t.Fatal(err)
		}
		theirs := flux(t, nil, "R", "encode", "--hosts="+hosts, "--cores=0-7", "--gpus=0-1")
		if !equalJSON(t, ours, []byte(theirs)) {
			t.Errorf("R of %d ranks: %s, and Flux writes %s", maxSize, ours, theirs)
		}
		if got := flux(t, ours, "R", "decode", "--nodelist"); got != hosts {
			t.Errorf("Flux reads the hosts %q, want %q", got, hosts)
		}
		if got := flux(t, ours, "R", "decode", "--ranks"); got != idset.Range(0, maxSize).String() {
			t.Errorf("Flux reads the ranks %q, want %q", got, idset.Range(0, maxSize))
		}
	}
}

func TestRealFluxReadsOurConfig(t *testing.T) {
	realFlux(t)
	config, err := BrokerConfig(sample())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broker.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"resource.path":                       agentapi.ResourceFile,
		"resource.noverify":                   "true",
		"bootstrap.default_port":              "8050",
		"bootstrap.default_bind":              "tcp://*:%p",
		"tbon.connect_timeout":                DefaultConnectTimeout,
		"ingest.validator.plugins":            `["jobspec","feasibility"]`,
		"sched-fluxion-qmanager.queue-policy": DefaultQueuePolicy,
		"sched-fluxion-resource.match-policy": "lonode",
	}
	for key, want := range tests {
		if got := flux(t, nil, "config", "get", "--config-path="+folder, "--type=any", key); strings.Trim(got, `"`) != want {
			t.Errorf("Flux reads %s as %s, want %s", key, got, want)
		}
	}
}

func TestCheckCurveAcceptsWhatRealFluxWrites(t *testing.T) {
	realFlux(t)
	path := filepath.Join(t.TempDir(), "curve.cert")
	flux(t, nil, "keygen", "--name=lead", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckCurve(string(text)); err != nil {
		t.Error(err)
	}
}
