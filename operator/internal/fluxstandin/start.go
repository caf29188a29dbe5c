package fluxstandin

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// Instance is an instance of Flux for a test, with all its brokers on this machine.
type Instance struct {
	// Flux is the path of the command.
	Flux string
	// URI is the address of the lead's broker.
	URI string
	// Env is the environment of commands.
	Env []string
	// Process is that of "flux start", whose children the brokers are.
	Process *os.Process

	t testing.TB
}

// Start starts an instance of size ranks, each with so many cores and GPUs, on the hosts
// test-0 and so on. It ends with the test.
func Start(t testing.TB, size, cores, gpus int32) *Instance {
	t.Helper()
	folder := t.TempDir()
	r, err := fluxconf.Resources(fluxconf.Hosts("test", size), size, cores, gpus)
	if err != nil {
		t.Fatal(err)
	}
	resources, uriFile, endFile := filepath.Join(folder, "R"), filepath.Join(folder, "uri"), filepath.Join(folder, "end")
	// The stand-in plays sched-simple. Where there is Fluxion, Flux would take that.
	config := fmt.Sprintf("[resource]\npath = %q\nnoverify = true\n"+
		"[modules.alternatives]\nsched = \"sched-simple\"\nfeasibility = \"sched-simple\"\n", resources)
	for path, text := range map[string]string{resources: string(r), filepath.Join(folder, "test.toml"): config} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The initial program tells its FLUX_URI and ends with the test.
	script := fmt.Sprintf("echo $FLUX_URI >%[1]s.new; mv %[1]s.new %[1]s; until [ -e %[2]s ]; do sleep 0.05; done", uriFile, endFile)
	i := &Instance{Flux: Flux(t), t: t}
	cmd := exec.Command(i.Flux, "start", fmt.Sprintf("--test-size=%d", size), "--config-path="+folder, script)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	// In other locales Flux writes IDs without ƒ.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "FLUX_STANDIN_DIR="+filepath.Join(folder, "instance"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := os.WriteFile(endFile, nil, 0o600); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("flux start: %v: %s", err, output.String())
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("the instance has not ended for 30 s: %s", output.String())
		}
	})
	var uri []byte
	Await(t, func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("flux start: %v: %s", err, output.String())
		default:
		}
		uri, _ = os.ReadFile(uriFile)
		return len(uri) > 0
	})
	i.URI = strings.TrimSpace(string(uri))
	i.Process, i.Env = cmd.Process, append(cmd.Env, "FLUX_URI="+i.URI)
	all := idset.Range(0, size).String()
	Await(t, func() bool {
		return i.Run("resource", "status", "--states", "online", "--no-header", "--format", "{ranks}") == all
	})
	return i
}

// Run runs a command of flux that must succeed, and returns its output.
func (i *Instance) Run(args ...string) string {
	i.t.Helper()
	cmd := exec.CommandContext(i.t.Context(), i.Flux, args...)
	cmd.Env, cmd.Dir = i.Env, i.t.TempDir()
	output, err := cmd.Output()
	if err != nil {
		i.t.Fatalf("flux %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(output))
}

// Await waits until done is true.
func Await(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 60 s")
		}
	}
}
