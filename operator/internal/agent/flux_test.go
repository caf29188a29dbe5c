package agent

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

// The test binary stands in for the programs that a rank starts, by the name that
// it is called under. Its flux keeps an instance in the folder of rootVariable, and its
// broker answers about it as that of flux-core 0.88 does: see scriptedInstance. It is
// scripted: tests say what is allocated and when the lead is lost, also with
// FLUX_TEST_REAL=1. Package cmd/gopherlocks-agent has the tests of ranks that run
// with a real Flux.
const (
	rootVariable = "AGENT_TEST_ROOT"
	refusedTOML  = "refuse me"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "flux":
		os.Exit(standInFlux(os.Args[1:]))
	case "gopherlocks-agent":
		os.Exit(agentProcess(os.Args[1:]))
	}
	os.Exit(fluxstandin.Main(m))
}

// agentProcess is the agent with the paths of a test.
func agentProcess(args []string) int {
	switch args[0] {
	case "program":
		cfg, _, err := readConfig(os.Getenv)
		if err != nil {
			panic(err)
		}
		p := program{cfg: cfg, paths: testPaths(os.Getenv(rootVariable)), stdout: os.Stdout, stderr: os.Stderr}
		code, err := p.run(programSignals())
		if err != nil {
			panic(err)
		}
		return code
	case "reaping":
		// What PID 1 gets from the kernel: orphans.
		if err := adoptOrphans(); err != nil {
			panic(err)
		}
	}
	code, err := 0, error(nil)
	if args[0] == "plain" || args[0] == "reaping" {
		code, err = plain(args[1:])
	} else {
		code, err = dispatchInner(args[0], args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func testPaths(root string) paths {
	in := func(name string) string { return filepath.Join(root, name) }
	return paths{
		program: in("bin/gopherlocks-agent"), secretCurve: in("secret/curve.cert"),
		secretToken: in("secret/token"), secretTLSCert: in("secret/tls.crt"), secretTLSKey: in("secret/tls.key"),
		runDir: in("run"), brokerConfigDir: in("flux"), resource: in("flux/R"), usedCurve: in("flux/curve.cert"),
		socket: in("run/local"), termination: in("termination"), health: "127.0.0.1:0", agent: "127.0.0.1:0",
		view: view{links: in("opt/view"), software: in("opt/software")},
	}
}

// instanceFile is a file of the stand-in's instance.
func instanceFile(name string) string {
	return filepath.Join(os.Getenv(rootVariable), "instance", name)
}

func readInstance(name string) string {
	text, err := os.ReadFile(instanceFile(name))
	if err != nil && !os.IsNotExist(err) {
		panic(err)
	}
	return string(text)
}

func writeInstance(name, text string) {
	if err := writeAtomically(instanceFile(name), strings.NewReader(text), 0o644); err != nil {
		panic(err)
	}
}

func standInFlux(args []string) int {
	switch command := strings.Join(args[:min(2, len(args))], " "); {
	case args[0] == "version":
		fmt.Println("commands:    \t\t0.88.0")
	case args[0] == "broker":
		return standInBroker(args[1:])
	case args[0] == "submit":
		return standInSubmit(args[1:])
	case command == "config get":
		text, err := os.ReadFile(filepath.Join(strings.TrimPrefix(args[2], "--config-path="), "broker.toml"))
		if err != nil || strings.Contains(string(text), refusedTOML) {
			fmt.Fprintln(os.Stderr, "flux-config: invalid TOML", err)
			return 1
		}
	default:
		fmt.Fprintf(os.Stderr, "the stand-in for flux does not know %q\n", args)
		return 2
	}
	return 0
}

// standInBroker comes up at once. On the lead it ends with the initial program,
// elsewhere with SIGTERM (0), or with SIGUSR1 (1) for a lost lead.
func standInBroker(args []string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	var initial []string
	var dump, socket string
	for i, arg := range args {
		if path, found := strings.CutPrefix(arg, "-Slocal-uri=local://"); found {
			socket = path
		}
		if path, found := strings.CutPrefix(arg, "-Scontent.dump="); found {
			dump = path
		}
		if !strings.HasPrefix(arg, "-") && initial == nil {
			initial = args[i:]
		}
	}
	text, err := os.ReadFile(filepath.Join(os.Getenv(rootVariable), "flux", "broker.toml"))
	if err != nil || string(text) == refusedTOML {
		return 1
	}
	if _, err := os.Stat(filepath.Join(os.Getenv(rootVariable), "flux", "R")); err != nil {
		fmt.Fprintln(os.Stderr, err) // on every rank, as Flux does
		return 1
	}
	if dump != "" {
		defer func() { _ = os.WriteFile(dump, []byte("dump"), 0o600) }()
	}
	writeInstance("starts", readInstance("starts")+strings.Join(args, " ")+"\n")
	writeInstance("online", os.Getenv(agentapi.RankVariable))
	serveInstance(context.Background(), socket)
	writeInstance("pid", fmt.Sprint(os.Getpid()))
	if initial == nil {
		if <-signals == syscall.SIGUSR1 {
			return 1
		}
		writeInstance("left", "cleanly, drained: "+readInstance("drained"))
		return 0
	}
	cmd := exec.Command(initial[0], initial[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	go func() {
		for range signals {
			_ = cmd.Process.Signal(syscall.SIGHUP)
		}
	}()
	return waitCode(cmd)
}

// standInSubmit runs the command as the only task of a job.
func standInSubmit(args []string) int {
	first := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	cmd := exec.Command(args[first], args[first+1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return waitCode(cmd)
}
