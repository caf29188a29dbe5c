package agent

import (
	"path/filepath"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func TestCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  agentapi.Config
		want string
	}{
		"submit": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Command: `lmp -v x "$X" -in 'a b'`, Nodes: 2, Tasks: 4, OptionFlags: "-ompi=openmpi"},
			`flux submit -N2 -n4 -ompi=openmpi --quiet --watch lmp -v x "$X" -in 'a b'`,
		},
		"submit with a command of its own": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Command: "hostname", Tasks: 1, SubmitCommand: "flux submit --cc=1-3"},
			"flux submit --cc=1-3 -n1 --quiet --watch hostname",
		},
		"flux run watches by itself": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Command: "hostname", Tasks: 1, SubmitCommand: "flux run"},
			"flux run -n1 hostname",
		},
		"debug": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Command: "hostname", Tasks: 1, Debug: true},
			"flux submit -n1 -vvv --quiet --watch hostname",
		},
		"launcher": {
			agentapi.Config{Mode: agentapi.ModeLauncher, Command: "nextflow run x", Nodes: 2},
			"nextflow run x",
		},
		"batch": {
			agentapi.Config{Mode: agentapi.ModeBatch, Command: "a", Nodes: 2, Tasks: 2, OptionFlags: "--conf=x"},
			`id=$(flux batch -N2 -n2 --conf=x --output=kvs '/r/batch.sh') && exec flux job attach "$id"`,
		},
		"batch without a size": {
			agentapi.Config{Mode: agentapi.ModeBatch, Command: "a"},
			`id=$(flux batch -n1 --output=kvs '/r/batch.sh') && exec flux job attach "$id"`,
		},
		"quiet batch": {
			agentapi.Config{Mode: agentapi.ModeBatch, Command: "a", Tasks: 1, Quiet: true},
			`id=$(flux batch -n1 --broker-opts=-Slog-stderr-level=-1,-Slog-critical-level=-1 --output=kvs '/r/batch.sh') && exec flux watch "$id"`,
		},
		"prefix": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Command: "hostname", Tasks: 1, Prefix: "strace -f"},
			"strace -f flux submit -n1 --quiet --watch hostname",
		},
		"prefix of a launcher": {
			agentapi.Config{Mode: agentapi.ModeLauncher, Command: "nextflow run x", Prefix: "nice"},
			"nice nextflow run x",
		},
		"prefix of a batch script": {
			agentapi.Config{Mode: agentapi.ModeBatch, Command: "a", Tasks: 1, Prefix: "nice"},
			`nice /bin/sh -c 'id=$(flux batch -n1 --output=kvs '\''/r/batch.sh'\'') && exec flux job attach "$id"'`,
		},
		"script": {
			agentapi.Config{Mode: agentapi.ModeSubmit, Script: "echo a\necho b", Nodes: 2, Tasks: 2},
			"flux submit -N2 -n2 --quiet --watch '/r/command.sh'",
		},
		"prefix without a command": {agentapi.Config{Mode: agentapi.ModeSubmit, Prefix: "nice"}, ""},
		"no command":               {agentapi.Config{Mode: agentapi.ModeSubmit, Nodes: 2}, ""},
		"interactive":              {agentapi.Config{Mode: agentapi.ModeInteractive, Command: "ignored"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := commandLine(test.cfg, paths{runDir: "/r"}); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestBatchScript(t *testing.T) {
	const lines = "# two jobs\n  sleep 1\n\necho 'a b'\n"
	for name, test := range map[string]struct {
		cfg  agentapi.Config
		want string
	}{
		"lines become jobs": {
			agentapi.Config{Command: lines},
			"#!/bin/sh\nflux submit --quiet sleep 1 || exit\nflux submit --quiet echo 'a b' || exit\nexec flux watch --all --count=0\n",
		},
		"output into files": {
			agentapi.Config{Command: "a", Logs: "/my logs"},
			"#!/bin/sh\nflux submit --quiet --output='/my logs'/job-0.out --error='/my logs'/job-0.err a || exit\nexec flux watch --all --count=0\n",
		},
		"raw":                     {agentapi.Config{Command: "a | b", BatchRaw: true}, "#!/bin/sh\na | b\n"},
		"raw with an interpreter": {agentapi.Config{Command: "#!/bin/bash\na", BatchRaw: true}, "#!/bin/bash\na\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := batchScript(test.cfg, "/bin/sh"); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestBrokerCommand(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.tgz")
	p := paths{program: "/g/agent", brokerConfigDir: "/g/flux", runDir: "/g/run", socket: "/g/run/local"}
	common := []string{
		"/bin/flux", "broker", "--config-path=/g/flux", "-Srundir=/g/run", "-Slocal-uri=local:///g/run/local",
		"-Stbon.topo=kary:0", "-Sbroker.quorum=1", "-Slog-stderr-mode=local",
	}
	with := func(more ...string) []string { return append(common[:len(common):len(common)], more...) }
	for name, test := range map[string]struct {
		rank    int32
		cfg     agentapi.Config
		restore bool
		want    []string
	}{
		"follower": {
			3,
			agentapi.Config{LogLevel: 6, StateDir: "/s", ArchivePath: archive},
			false,
			with("-Slog-stderr-level=6", "-Sbroker.rc2_none=1"),
		},
		"lead": {
			0,
			agentapi.Config{LogLevel: 5, StateDir: "/s", ArchivePath: "/d/a.tgz"},
			true,
			with("-Slog-stderr-level=5", "-Sstatedir=/s", "-Scontent.dump=/d/.new-a.tgz", "-Scontent.restore=/d/a.tgz", "/g/agent", "program"),
		},
		"quiet": {
			1,
			agentapi.Config{LogLevel: 6, Quiet: true, Debug: true},
			false,
			with("-Slog-stderr-level=-1", "-Slog-critical-level=-1", "-Sbroker.rc2_none=1"),
		},
		"debug": {
			1,
			agentapi.Config{LogLevel: 6, Debug: true, Zeromq: true},
			false,
			with("-Slog-stderr-level=7", "-Stbon.zmqdebug=1", "-Sbroker.rc2_none=1"),
		},
		"wrapped": {
			1,
			agentapi.Config{LogLevel: 6, Wrap: "strace,-e,network"},
			false,
			append([]string{"strace", "-e", "network"}, with("-Slog-stderr-level=6", "-Sbroker.rc2_none=1")...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := brokerCommand(brokerStart{cfg: test.cfg, rank: test.rank, paths: p, flux: "/bin/flux", restore: test.restore})
			wantStrings(t, got, test.want)
		})
	}
}

func wantStrings(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("differ from word %d on\ngot  %q\nwant %q", i, got, want)
		}
	}
}
