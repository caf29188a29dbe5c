package langhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// stopGrace is how long a program may take to end after SIGTERM before it is
// killed. It only talks to the engine, so nothing is lost.
const stopGrace = 5 * time.Second

// errReported is the failure of a program that has told the engine of it.
var errReported = errors.New("the program has reported its failure")

// buildEnvironment returns the variables by which the Go SDK finds the engine
// and the stack's configuration; see pulumi.Run of the SDK.
func buildEnvironment(request *pulumirpc.RunRequest, engine string) ([]string, error) {
	config, err := json.Marshal(request.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("encode the stack's configuration: %w", err)
	}
	secretKeys, err := json.Marshal(request.GetConfigSecretKeys())
	if err != nil {
		return nil, fmt.Errorf("encode the names of the stack's secrets: %w", err)
	}
	if request.GetConfig() == nil {
		config = []byte("{}")
	}
	if request.GetConfigSecretKeys() == nil {
		secretKeys = []byte("[]")
	}
	return []string{
		pulumi.EnvOrganization + "=" + request.GetOrganization(),
		pulumi.EnvProject + "=" + request.GetProject(),
		pulumi.EnvPulumiRootDirectory + "=" + request.GetInfo().GetRootDirectory(),
		pulumi.EnvStack + "=" + request.GetStack(),
		pulumi.EnvConfig + "=" + string(config),
		pulumi.EnvConfigSecretKeys + "=" + string(secretKeys),
		pulumi.EnvDryRun + "=" + strconv.FormatBool(request.GetDryRun()),
		pulumi.EnvParallel + "=" + strconv.Itoa(int(request.GetParallel())),
		pulumi.EnvMonitor + "=" + request.GetMonitorAddress(),
		pulumi.EnvEngine + "=" + engine,
	}, nil
}

// findProgram returns the path of the executable to run, and a function that
// removes it if it is temporary. Two runtime options of Pulumi.yaml mean the same
// as to the official host: "binary" is a file to run, "buildTarget" a file to
// compile into.
func findProgram(ctx context.Context, info *pulumirpc.ProgramInfo) (path string, cleanup func(), err error) {
	keep := func() {}
	options := info.GetOptions().AsMap()
	if binary, _ := options["binary"].(string); binary != "" {
		path := absolute(info.GetRootDirectory(), binary)
		if _, err = os.Stat(path); err != nil {
			return "", nil, fmt.Errorf("find the runtime option binary: %w; compile it, or take the option out of Pulumi.yaml", err)
		}
		return path, keep, nil
	}
	if target, _ := options["buildTarget"].(string); target != "" {
		path := absolute(info.GetRootDirectory(), target)
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", nil, fmt.Errorf("make the folder of the runtime option buildTarget: %w", err)
		}
		return path, keep, compile(ctx, info, path)
	}

	dir, err := os.MkdirTemp("", "pulumi-go-*")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder to compile into: %w", err)
	}
	cleanup = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, "program")
	if err := compile(ctx, info, path); err != nil {
		cleanup()
		return "", nil, err
	}
	return path, cleanup, nil
}

// absolute resolves a path of Pulumi.yaml, which is relative to its folder.
func absolute(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// compile builds the program into the file at target. The compiler's messages
// go to standard error, which the engine shows.
func compile(ctx context.Context, info *pulumirpc.ProgramInfo, target string) error {
	entry := info.GetEntryPoint()
	if entry == "" {
		entry = "."
	}
	// Without symbol tables the linker takes half the time; stack traces of
	// panics need none.
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", target, entry)
	cmd.Dir = info.GetProgramDirectory()
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile the program in %s: %w; `go build %s` there shows the same messages", cmd.Dir, err, entry)
	}
	return nil
}

// runProgram runs the executable at path in the request's folder. Its output goes
// to the host's, which the engine reads.
func runProgram(ctx context.Context, path string, request *pulumirpc.RunRequest, environment []string) error {
	cmd := exec.CommandContext(ctx, path, request.GetArgs()...)
	cmd.Dir = request.GetPwd()
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return explainExit(cmd.Run())
}

// explainExit says how a program ended. The SDK's pulumi.Run reports the program's
// error to the engine and exits with ExitStatusLoggedError. The error is then not
// returned again, or it would be printed twice.
func explainExit(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("start the program: %w", err)
	case exit.ExitCode() == constant.ExitStatusLoggedError:
		return errReported
	case exit.ExitCode() < 0: // Ended by a signal, which the error names.
		return fmt.Errorf("the program was stopped: %w", err)
	default:
		return fmt.Errorf("the program failed: %w; its output above says why", err)
	}
}
