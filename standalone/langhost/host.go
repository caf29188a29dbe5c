// Package langhost is a language host for Go: the gRPC server by which Pulumi's
// engine compiles and runs a program that is written in Go.
//
// It serves what `pulumi up`, `preview`, `refresh`, `destroy`, `install` and
// `about` call. It does not convert, generate or pack code: it answers
// "unimplemented", and the engine says so. Behaviour follows the official host of
// the same name:
// https://github.com/pulumi/pulumi/tree/v3.256.0/sdk/go/pulumi-language-go
package langhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// engineCheckInterval is how often the host checks whether its engine still lives,
// as in the official hosts.
const engineCheckInterval = 5 * time.Minute

// Host answers the engine's calls. Make it with [New].
type Host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	engine string
	ctx    context.Context
	cancel context.CancelFunc
}

var _ pulumirpc.LanguageRuntimeServer = (*Host)(nil)

// New returns a host that serves the engine at the given address. Programs
// that it runs are stopped when ctx ends.
func New(ctx context.Context, engine string) *Host {
	ctx, cancel := context.WithCancel(ctx)
	return &Host{engine: engine, ctx: ctx, cancel: cancel}
}

// Serve announces its port on out, as the engine expects of a plugin, and
// serves the engine at the given address until ctx ends or the engine is gone.
func Serve(ctx context.Context, engine string, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := rpcutil.Healthcheck(ctx, engine, engineCheckInterval, cancel); err != nil {
		return fmt.Errorf("connect to the engine at %s: %w", engine, err)
	}

	stop := make(chan bool)
	context.AfterFunc(ctx, func() { close(stop) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, New(ctx, engine))
			return nil
		},
		Options: rpcutil.OpenTracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return fmt.Errorf("serve the engine: %w", err)
	}
	fmt.Fprintf(out, "%d\n", handle.Port)
	return <-handle.Done
}

// Handshake accepts the engine that has started the host.
func (*Host) Handshake(context.Context, *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo reports the version of Pulumi's SDK that the host is built with.
func (*Host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// GetRequiredPackages names none. The engine would download packages before the
// program runs, and this host is for machines that cannot download. The engine
// finds plugins on PATH when the first resource needs them.
func (*Host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// GetRequiredPlugins is what older engines ask instead of GetRequiredPackages.
func (*Host) GetRequiredPlugins(context.Context, *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	return &pulumirpc.GetRequiredPluginsResponse{}, nil
}

// RuntimeOptionsPrompts asks the user of `pulumi new` nothing.
func (*Host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

// About tells `pulumi about` which Go compiles the programs.
func (h *Host) About(ctx context.Context, _ *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("find the Go toolchain: %w; install it from https://go.dev/dl", err)
	}
	out, err := exec.CommandContext(ctx, path, "env", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return &pulumirpc.AboutResponse{Executable: path, Version: strings.TrimPrefix(string(bytes.TrimSpace(out)), "go")}, nil
}

// GetProgramDependencies tells `pulumi about` the modules of the program.
func (h *Host) GetProgramDependencies(ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest) (*pulumirpc.GetProgramDependenciesResponse, error) {
	format := "{{if not (or .Main .Indirect)}}{{.Path}} {{.Version}}{{end}}"
	if request.GetTransitiveDependencies() {
		format = "{{if not .Main}}{{.Path}} {{.Version}}{{end}}"
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", format, "all")
	cmd.Dir = request.GetInfo().GetProgramDirectory()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of %s: %w; run `go list -m all` there to see why", cmd.Dir, err)
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for line := range strings.Lines(string(out)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			response.Dependencies = append(response.Dependencies, &pulumirpc.DependencyInfo{Name: name, Version: version})
		}
	}
	return response, nil
}

// InstallDependencies downloads the modules of the program, for `pulumi install`.
func (h *Host) InstallDependencies(request *pulumirpc.InstallDependenciesRequest, stream grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse]) error {
	cmd := exec.CommandContext(stream.Context(), "go", "mod", "download")
	cmd.Dir = request.GetInfo().GetProgramDirectory()
	cmd.Stdout = sender(func(p []byte) error {
		return stream.Send(&pulumirpc.InstallDependenciesResponse{Stdout: p})
	})
	cmd.Stderr = cmd.Stdout // One writer: os/exec then never calls it twice at once.
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("download the modules of %s: %w; run `go mod download` there to see why", cmd.Dir, err)
	}
	return nil
}

// sender is an [io.Writer] that sends what is written to it.
type sender func([]byte) error

func (send sender) Write(p []byte) (int, error) {
	// The stream may keep the slice, the writer's caller reuses it.
	if err := send(bytes.Clone(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Run compiles the program and runs it to its end. The answer's Bail tells the
// engine that the program has already reported why it failed.
func (h *Host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	// A program ends with its call, or with the host when the engine cancels.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()

	environment, err := buildEnvironment(request, h.engine)
	if err != nil {
		return nil, err
	}
	program, cleanup, err := findProgram(ctx, request.GetInfo())
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	defer cleanup()
	err = runProgram(ctx, program, request, environment)
	if errors.Is(err, errReported) {
		return &pulumirpc.RunResponse{Bail: true}, nil
	}
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

// Cancel stops the running program: the user has interrupted the update.
func (h *Host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}
