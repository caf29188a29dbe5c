package dockerd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// resourceCapability lets a process raise limits and lower oom_score_adj.
const resourceCapability = "CAP_SYS_RESOURCE"

// Main must be the first call of main of a program that starts an Engine, and of
// TestMain: it does not return when the program was started as a part of one.
func Main() {
	var err error
	switch filepath.Base(os.Args[0]) {
	case initName:
		err = runInit(os.Args[1:])
	case runtimeName:
		err = runRuntime(os.Args[1:])
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runRuntime removes the capability that this machine lacks from the container, or
// from the process to run in one. Then it becomes runc. runc fails if it cannot
// give a capability, and privileged containers ask for all.
func runRuntime(args []string) error {
	if !hasResourceCapability() {
		if err := restrict(args); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("the container runtime: %w", err)
	}
	return unix.Exec(runc, append([]string{"runc"}, args...), os.Environ())
}

func hasResourceCapability() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[unix.CAP_SYS_RESOURCE/32].Permitted&(1<<(unix.CAP_SYS_RESOURCE%32)) != 0
}

// restrict changes the file that describes a container, or a process to run in
// one, by the arguments of runc: https://github.com/opencontainers/runtime-spec
func restrict(args []string) error {
	if folder := flagValue(args, "bundle"); folder != "" && slices.Contains(args, "create") {
		return restrictFile(filepath.Join(folder, "config.json"))
	}
	if file := flagValue(args, "process"); file != "" {
		return restrictFile(file)
	}
	return nil
}

// flagValue returns the value of a flag, given as "--name value" or
// "--name=value".
func flagValue(args []string, name string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
		if arg == "--"+name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

func restrictFile(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading what to run: %w", err)
	}
	restricted, err := withoutResourceCapability(content)
	if err != nil {
		return fmt.Errorf("changing what to run, %s: %w", file, err)
	}
	if err := os.WriteFile(file, restricted, 0o600); err != nil {
		return fmt.Errorf("changing what to run: %w", err)
	}
	return nil
}

// withoutResourceCapability removes the capability from all sets of a process, or
// of a container's process.
func withoutResourceCapability(content []byte) ([]byte, error) {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(content, &whole); err != nil {
		return nil, err
	}
	process := whole
	container, isContainer := whole["process"]
	if isContainer {
		process = nil
		if err := json.Unmarshal(container, &process); err != nil {
			return nil, err
		}
	}
	var sets map[string][]string
	if given, ok := process["capabilities"]; !ok || string(given) == "null" {
		return content, nil
	} else if err := json.Unmarshal(given, &sets); err != nil {
		return nil, err
	}
	for name, set := range sets {
		sets[name] = slices.DeleteFunc(set, func(capability string) bool { return capability == resourceCapability })
	}
	var errs []error
	encode := func(value any) json.RawMessage {
		data, err := json.Marshal(value)
		errs = append(errs, err)
		return data
	}
	process["capabilities"] = encode(sets)
	if isContainer {
		whole["process"] = encode(process)
	}
	changed := encode(whole)
	return changed, errors.Join(errs...)
}
