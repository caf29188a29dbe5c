package agent

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// withMount gives the configuration a volume of the view.
func withMount(root string, change func(*agentapi.Config)) func(*agentapi.Config) {
	return func(c *agentapi.Config) {
		c.MountPath = filepath.Join(root, "mnt")
		change(c)
	}
}

func TestLinesFindTheVariablesOfTheFluxOperator(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 0, withMount(root, func(c *agentapi.Config) {
		c.Mode, c.Quiet = agentapi.ModeLauncher, true
		line := `echo "$viewroot $hosts $mainHost $configroot $fluxsocket $FLUX_OUTPUT_DIR $(cat $configroot/etc/flux/system/hostlist)"`
		c.Pre = line + " >> " + root + "/seen"
		c.Command = line + "; env | grep -E '^(hosts|viewroot|command)=' || true"
		c.Post = line
	}))
	if exit, _ := l.wait(); exit != 0 {
		t.Fatalf("exit code %d: %s", exit, l.stderr.String())
	}
	mount := filepath.Join(root, "mnt")
	want := mount + "/view x-[0-3] x-0 " + mount + "/config local://" + mount + "/config/run/flux/local /tmp/fluxout x-[0-3]\n"
	seen, err := os.ReadFile(filepath.Join(root, "seen"))
	must(t, err)
	if string(seen) != want || l.stdout.String() != want+want {
		t.Errorf("pre saw %q, command and post saw %q, want %q", seen, l.stdout.String(), want)
	}
}

// usersR is R of four ranks that no operator would make.
const usersR = `{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-2","gpu":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["x-[0-3]"]}}`

func TestResourcesThatCommandsWriteAreUsed(t *testing.T) {
	few := strings.Replace(usersR, `"0-3"`, `"0"`, 1)
	for name, test := range map[string]struct{ pre, want, said string }{
		"where they are":  {"printf '%s' '" + usersR + "' > ${configroot}/etc/flux/system/R", usersR, "using the resources R that commands have written"},
		"where they were": {"printf '%s' '" + usersR + "' > ${viewroot}/etc/flux/system/R", usersR, "using the resources R that commands have written"},
		"moved":           {"printf '%s' '" + usersR + "' > R; mv R ${configroot}/etc/flux/system/R", usersR, "using the resources R that commands have written"},
		"too few":         {"printf '%s' '" + few + "' > ${viewroot}/etc/flux/system/R", `"core":"0"`, "cannot be used: ranks 1-3 missing"},
		"none":            {"true", `"core":"0"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := testRoot(t)
			l := launch(t, root, 0, withMount(root, func(c *agentapi.Config) { c.Pre, c.Command = "cd "+root+"; "+test.pre, "true" }))
			if exit, _ := l.wait(); exit != 0 {
				t.Fatalf("exit code %d: %s", exit, l.stderr.String())
			}
			r, err := os.ReadFile(filepath.Join(root, "flux/R"))
			must(t, err)
			if !strings.Contains(string(r), test.want) || !strings.Contains(l.stderr.String(), test.said) {
				t.Errorf("R is %s, stderr %s", r, l.stderr.String())
			}
			if test.said == "" && strings.Contains(l.stderr.String(), "resources R") {
				t.Errorf("stderr tells of resources: %s", l.stderr.String())
			}
		})
	}
}

func TestBrokerConfigurationThatCommandsEditIsUsed(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 0, withMount(root, func(c *agentapi.Config) {
		c.Pre, c.Command = `sed -i -e '$a# edited' ${cfg}/broker.toml; sed -i -e '$a# again' ${configroot}/etc/flux/config/broker.toml`, "true"
	}))
	if exit, _ := l.wait(); exit != 0 {
		t.Fatalf("exit code %d: %s", exit, l.stderr.String())
	}
	text, err := os.ReadFile(filepath.Join(root, "flux/broker.toml"))
	must(t, err)
	if !strings.Contains(string(text), "# edited\n# again") {
		t.Errorf("the configuration is %q", text)
	}
}

func TestGPUsAreInR(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 0, func(c *agentapi.Config) { c.GPUs, c.Command = 2, "true" })
	l.wait()
	r, err := os.ReadFile(filepath.Join(root, "flux/R"))
	must(t, err)
	if !strings.Contains(string(r), `"gpu":"0-1"`) {
		t.Errorf("R is %s", r)
	}
}

func TestLogsFolderIsMadeOnEachRank(t *testing.T) {
	root := testRoot(t)
	logs := filepath.Join(root, "logs")
	l := launch(t, root, 1, func(c *agentapi.Config) { c.Logs = logs })
	l.untilUp()
	if !exists(logs) {
		t.Error("a follower has no folder of logs")
	}
	l.stops <- syscall.SIGTERM // or its broker would outlive the test
	l.wait()
}

// TestCopiedViewLeavesTheSocketsFolderToTheRank: Flux wants it to be the broker's own,
// and the view is copied by root.
func TestCopiedViewLeavesTheSocketsFolderToTheRank(t *testing.T) {
	root := testRoot(t)
	links, mount := filepath.Join(root, "opt/links"), filepath.Join(root, "mnt")
	must(t, os.MkdirAll(links, 0o755))
	must(t, copyView(view{links: links, software: filepath.Join(root, "none")}, mount))
	if exists(filepath.Join(mount, "config/run/flux")) {
		t.Error("the folder of the socket is there before the rank is")
	}
	info, err := os.Stat(filepath.Join(mount, "config/run"))
	must(t, err)
	if info.Mode().Perm() != 0o777 {
		t.Errorf("mode %v of the folder above it: another user cannot make it", info.Mode())
	}
}
