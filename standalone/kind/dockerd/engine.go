// Package dockerd runs its own Docker Engine from Debian's package. It is for
// tests, and for clusters of kind on a machine without Docker.
//
// The engine is unpacked, not installed, and leaves nothing behind when it is
// stopped. Its data, socket and logs are in one folder, and it has its own mount
// and process namespaces. It does not touch the firewall or forward packets, so its
// containers reach only each other and this machine. Kernel settings that nodes
// change are put back, unless an embedded cluster needs them too. Containers get no
// CAP_SYS_RESOURCE if this process has none.
package dockerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Engine is a Docker Engine that has all of its files in one folder.
type Engine struct {
	// Dir is the absolute path of the folder. It should be short: sockets below
	// it have paths of at most 107 bytes.
	Dir string
}

// Main does different things under these program names.
const (
	initName    = "gopherlocks-dockerd"
	runtimeName = "gopherlocks-runc"
)

// startTimeout bounds how long dockerd may take to answer.
const startTimeout = time.Minute

// stopTimeout bounds how long dockerd may take to stop in order.
const stopTimeout = time.Minute

// Host is the value of DOCKER_HOST that reaches the engine.
func (e Engine) Host() string { return "unix://" + e.socket() }

func (e Engine) socket() string  { return filepath.Join(e.Dir, "docker.sock") }
func (e Engine) pidFile() string { return filepath.Join(e.Dir, "init.pid") }

func (e Engine) dockerPIDFile() string { return filepath.Join(e.Dir, "docker.pid") }
func (e Engine) execRoot() string      { return filepath.Join(e.Dir, "run") }

// LogFile is the engine's log.
func (e Engine) LogFile() string { return filepath.Join(e.Dir, "log") }

// init is the copy of this program that runs the engine; see Main.
func (e Engine) init() string { return filepath.Join(e.Dir, "bin", initName) }

// runtime is the copy of this program that stands before runc; see Main.
func (e Engine) runtime() string { return filepath.Join(e.Dir, "bin", runtimeName) }

// cgroup is the parent of the containers' control groups.
func (e Engine) cgroup() string {
	return "/gopherlocks-" + strings.ReplaceAll(strings.Trim(e.Dir, "/"), "/", "-")
}

// Start starts the engine, with the programs in the folder of an unpacked
// package (see Unpack), and returns when it answers. An engine that runs
// already is left as it is.
func (e Engine) Start(ctx context.Context, unpacked string) error {
	if e.Running() {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("a Docker Engine of its own needs root")
	}
	// An engine that is still ending would use the same files.
	if err := e.end(ctx); err != nil {
		return fmt.Errorf("waiting for the end of the Docker Engine in %s: %w", e.Dir, err)
	}
	if err := e.forget(); err != nil {
		return fmt.Errorf("cleaning up after the Docker Engine in %s: %w", e.Dir, err)
	}
	if err := e.prepare(ctx, unpacked); err != nil {
		return fmt.Errorf("preparing the Docker Engine in %s: %w", e.Dir, err)
	}
	before, err := interfaces()
	if err != nil {
		return errors.Join(err, e.restoreSettings(ctx))
	}
	if err := e.spawn(unpacked); err != nil {
		return errors.Join(fmt.Errorf("starting the Docker Engine in %s: %w", e.Dir, err), e.restoreSettings(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, err := e.docker(ctx, "info")
		if err == nil {
			return e.removeLost(ctx, before)
		}
		if !e.Running() {
			return errors.Join(fmt.Errorf("the Docker Engine in %s has ended; its log is %s", e.Dir, e.LogFile()), e.restoreSettings(ctx))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the Docker Engine in %s does not answer after %s, its log is %s: %w", e.Dir, startTimeout, e.LogFile(), err)
		case <-ticker.C:
		}
	}
}

// forget removes the files with an engine's process IDs. A killed engine leaves
// them behind, also one that ended with the machine. In the next engine's namespace
// the IDs belong to other processes, and dockerd would refuse to start. Docker
// itself keeps these files where a restart of the machine removes them.
func (e Engine) forget() error {
	return errors.Join(os.RemoveAll(e.dockerPIDFile()), os.RemoveAll(e.execRoot()))
}

// prepare fills the folder.
func (e Engine) prepare(ctx context.Context, unpacked string) error {
	if err := os.MkdirAll(filepath.Join(e.Dir, "bin"), 0o700); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	version, err := dockerd(ctx, unpacked, "--version")
	if err != nil {
		return err
	}
	config, err := json.Marshal(e.config(version))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(e.init(), program, 0o755),
		os.WriteFile(e.runtime(), program, 0o755),
		os.WriteFile(filepath.Join(e.Dir, "daemon.json"), config, 0o600),
		e.rememberSettings(ctx),
	)
}

// config is the configuration of a dockerd; version is the output of its --version:
// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
func (e Engine) config(version string) map[string]any {
	config := map[string]any{
		"data-root":     filepath.Join(e.Dir, "data"),
		"exec-root":     e.execRoot(),
		"pidfile":       e.dockerPIDFile(),
		"hosts":         []string{e.Host()},
		"cgroup-parent": e.cgroup(),
		// kind makes a network of its own.
		"bridge":          "none",
		"iptables":        false,
		"ip-forward":      false,
		"ip-masq":         false,
		"default-runtime": runtimeName,
		"runtimes":        map[string]any{runtimeName: map[string]any{"path": e.runtime()}},
		// The default of -500 takes CAP_SYS_RESOURCE.
		"oom-score-adjust": 0,
	}
	if hasKey(version) {
		config["deprecated-key-path"] = filepath.Join(e.Dir, "key.json")
	}
	return config
}

// hasKey tells whether a dockerd takes its ID from a key, which it would make in
// /etc/docker. Since version 23 there is no key, and dockerd refuses the option.
func hasKey(version string) bool {
	var major int
	_, err := fmt.Sscanf(version, "Docker version %d.", &major)
	return err == nil && major < 23
}

// Running says whether the engine's first process lives.
func (e Engine) Running() bool {
	pid, ok := e.notedPID()
	return ok && e.isEngine(pid)
}

// notedPID is the noted ID of the engine's first process. Another process may have
// that ID by now.
func (e Engine) notedPID() (int, bool) {
	content, err := os.ReadFile(e.pidFile())
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	return pid, err == nil && pid > 0
}

// isEngine says whether a process is the first of the engine.
func (e Engine) isEngine(pid int) bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && program == e.init()
}

// Stop removes all containers and networks, stops the engine and removes its
// folder. It is no error if there is none. unpacked is as in Start: an engine that
// ended by itself is started once more to remove its networks.
func (e Engine) Stop(ctx context.Context, unpacked string) error {
	if _, err := os.Stat(e.Dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := e.Start(ctx, unpacked); err != nil {
		return err
	}
	if err := e.empty(ctx); err != nil {
		return fmt.Errorf("emptying the Docker Engine in %s: %w", e.Dir, err)
	}
	if err := e.end(ctx); err != nil {
		return fmt.Errorf("stopping the Docker Engine in %s: %w", e.Dir, err)
	}
	if err := removeCgroups(ctx, e.cgroup()); err != nil {
		return fmt.Errorf("removing the control groups of the Docker Engine in %s: %w", e.Dir, err)
	}
	if err := e.restoreSettings(ctx); err != nil {
		return fmt.Errorf("undoing what nodes have changed of the machine: %w", err)
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return fmt.Errorf("removing the folder of the Docker Engine: %w", err)
	}
	return nil
}

func (e Engine) empty(ctx context.Context) error {
	containers, err := e.docker(ctx, "ps", "--all", "--quiet")
	if err != nil {
		return err
	}
	if ids := strings.Fields(containers); len(ids) > 0 {
		if _, err = e.docker(ctx, append([]string{"rm", "--force", "--volumes"}, ids...)...); err != nil {
			return err
		}
	}
	networks, err := e.docker(ctx, "network", "ls", "--quiet", "--filter=type=custom")
	if err != nil {
		return err
	}
	if ids := strings.Fields(networks); len(ids) > 0 {
		_, err = e.docker(ctx, append([]string{"network", "rm"}, ids...)...)
	}
	return err
}

// Busy says whether the engine has containers.
func (e Engine) Busy(ctx context.Context) (bool, error) {
	if !e.Running() {
		return false, nil
	}
	containers, err := e.docker(ctx, "ps", "--all", "--quiet")
	return strings.TrimSpace(containers) != "", err
}

// docker runs the command line of Docker on the engine.
func (e Engine) docker(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "docker", args...)
	command.Env = append(os.Environ(), "DOCKER_HOST="+e.Host())
	output, err := command.Output()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("docker %s: %w", args[0], err)
	}
	return string(output), nil
}
