package dockerd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const container = `{"ociVersion":"1.0","process":{"args":["sh"],"capabilities":{"bounding":["CAP_KILL","CAP_SYS_RESOURCE"],"permitted":["CAP_SYS_RESOURCE"]}},"root":{"path":"/r"}}`

func TestOnlyTheCapabilityIsTakenFromAContainer(t *testing.T) {
	got, err := withoutResourceCapability([]byte(container))
	if err != nil {
		t.Fatal(err)
	}
	var changed struct {
		OCIVersion string
		Root       struct{ Path string }
		Process    struct {
			Args         []string
			Capabilities map[string][]string
		}
	}
	if err := json.Unmarshal(got, &changed); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), resourceCapability) || !slices.Equal(changed.Process.Capabilities["bounding"], []string{"CAP_KILL"}) {
		t.Errorf("the capabilities are %v", changed.Process.Capabilities)
	}
	if changed.OCIVersion != "1.0" || changed.Root.Path != "/r" || !slices.Equal(changed.Process.Args, []string{"sh"}) {
		t.Errorf("something else has changed: %s", got)
	}
}

func TestCapabilityIsTakenFromAProcess(t *testing.T) {
	got, err := withoutResourceCapability([]byte(`{"cwd":"/","capabilities":{"effective":["CAP_SYS_RESOURCE","CAP_KILL"]}}`))
	if want := `{"capabilities":{"effective":["CAP_KILL"]},"cwd":"/"}`; err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
	const none = `{"cwd":"/"}`
	if got, err := withoutResourceCapability([]byte(none)); err != nil || string(got) != none {
		t.Errorf("without capabilities: got %s (%v)", got, err)
	}
}

func TestFileThatRuncReadsIsChanged(t *testing.T) {
	for name, args := range map[string][]string{
		"config.json":  {"--root", "/r", "create", "--bundle", "DIR", "--pid-file", "p", "id"},
		"process.json": {"--root=/r", "exec", "--process=DIR/process.json", "id"},
		"untouched":    {"--root", "/r", "delete", "--bundle", "DIR", "id"},
	} {
		dir := t.TempDir()
		for _, file := range []string{"config.json", "process.json"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(container), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "DIR", dir)
		}
		if err := restrict(args); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"config.json", "process.json"} {
			content, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if changed := !strings.Contains(string(content), resourceCapability); changed != (file == name) {
				t.Errorf("%v: %s changed: %v", args, file, changed)
			}
		}
	}
}

func TestEngineKeepsToItsFolderAndOffTheFirewall(t *testing.T) {
	config := Engine{Dir: "/var/lib/x"}.config("Docker version 20.10.24+dfsg1, build 5d6db84")
	for _, key := range []string{"data-root", "exec-root", "pidfile", "deprecated-key-path"} {
		if path := config[key].(string); !strings.HasPrefix(path, "/var/lib/x/") {
			t.Errorf("%s is %s", key, path)
		}
	}
	for _, key := range []string{"iptables", "ip-forward", "ip-masq"} {
		if config[key] != false {
			t.Errorf("%s is %v", key, config[key])
		}
	}
	if config["cgroup-parent"] != "/gopherlocks-var-lib-x" {
		t.Errorf("the control group is %v", config["cgroup-parent"])
	}
	for _, version := range []string{"Docker version 23.0.1, build 1", "Docker version 26.1.5+dfsg1, build a72d7cd"} {
		if path, told := (Engine{Dir: "/var/lib/x"}).config(version)["deprecated-key-path"]; told {
			t.Errorf("%s is told of the key %v, which it does not have", version, path)
		}
	}
}

func TestEngineIsKnownByItsProgram(t *testing.T) {
	e := Engine{Dir: t.TempDir()}
	if e.Running() {
		t.Error("runs without a process")
	}
	// Process 1 lives, and is no engine.
	if err := os.WriteFile(e.pidFile(), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e.Running() {
		t.Error("another process is taken for the engine")
	}
}
