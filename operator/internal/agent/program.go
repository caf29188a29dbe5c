package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// program is what the broker of the lead runs once the instance is up. The broker
// tells it by SIGHUP that the instance is to end.
// Source: src/broker/runat.c of flux-core, abort_signal.
type program struct {
	cfg            agentapi.Config
	paths          paths
	stdout, stderr io.Writer
}

func programSignals() <-chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	return c
}

// run returns the command's exit code, after noting it for the agent.
func (p program) run(signals <-chan os.Signal) (int, error) {
	code, err := p.runMode(signals)
	if err != nil {
		return agentapi.ExitTryAgain, err // and no note: the command has not run
	}
	note, err := json.Marshal(agentapi.CommandEnd{ExitCode: int32(code)})
	if err == nil {
		err = writeAtomically(p.paths.commandEnd(), bytes.NewReader(note), 0o600)
	}
	return code, err
}

func (p program) runMode(signals <-chan os.Signal) (int, error) {
	if p.cfg.Mode == agentapi.ModeBatch {
		script := batchScript(p.cfg, shell(os.Environ()))
		if err := writeAtomically(p.paths.batchScript(), bytes.NewBufferString(script), 0o700); err != nil {
			return 0, err
		}
	}
	line := commandLine(p.cfg, p.paths)
	if line == "" {
		<-signals
		return 0, nil
	}
	return p.runLine(upstreamVariables(p.cfg, p.paths).script()+line, signals)
}

// runLine runs line by a shell, and forwards signals to all that it has started.
func (p program) runLine(line string, signals <-chan os.Signal) (int, error) {
	command := shellCommand(os.Environ(), line)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the command: %w", err)
	}
	ended := make(chan int, 1)
	go func() { ended <- waitCode(cmd) }()
	for {
		select {
		case s := <-signals:
			signalGroup(cmd, s.(syscall.Signal))
		case code := <-ended:
			if p.cfg.Timed {
				printTime(p.stderr, begin)
			}
			return code, nil
		}
	}
}

// readCommandEnd returns how the lead's command has ended, or nil if it has not.
func readCommandEnd(p paths) (*int32, error) {
	text, err := os.ReadFile(p.commandEnd())
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var end agentapi.CommandEnd
	if err := json.Unmarshal(text, &end); err != nil {
		return nil, fmt.Errorf("%s: %w", p.commandEnd(), err)
	}
	return &end.ExitCode, nil
}
