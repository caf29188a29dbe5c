package localimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"
)

// namespace is where containerd keeps the images of Kubernetes.
const namespace = "k8s.io"

// ErrUnreachable says that no containerd listens at a Store's address.
var ErrUnreachable = errors.New("no containerd listens")

// Store is the images of a containerd, reached through its command line ctr:
// containerd's Go client would bring along most of containerd.
type Store struct {
	// Address is the path of containerd's socket.
	Address string
}

// Load makes sure that the store has the image; it is quick when it has.
func (s Store) Load(ctx context.Context, image Image) error {
	digest, err := s.Digest(ctx, image.Reference)
	if err != nil {
		return err
	}
	if digest == image.Digest {
		return nil
	}
	reader, writer := io.Pipe()
	go func() {
		_, err := image.WriteTo(writer)
		_ = writer.CloseWithError(err)
	}()
	// Whichever side ends first, the other one must not wait for it.
	defer reader.Close()
	cmd := s.command(ctx, "images", "import", "-")
	cmd.Stdin = reader
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("loading image %s: %w: %s", image.Reference, err, strings.TrimSpace(string(output)))
	}
	return nil
}

// Digest returns the digest of the image that the store has under reference,
// or "" when it has none.
func (s Store) Digest(ctx context.Context, reference string) (string, error) {
	output, err := s.run(ctx, "images", "list", "name=="+reference)
	if err != nil {
		return "", err
	}
	return DigestIn(output, reference), nil
}

// DigestIn returns the digest of the image that a list by `ctr images list` has
// under reference, or "" when it has none.
func DigestIn(list, reference string) string {
	// A line is: reference, media type, digest, size, platforms, labels.
	for line := range strings.SplitSeq(list, "\n") {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == reference {
			return fields[2]
		}
	}
	return ""
}

// Remove removes the image from the store, if it is there. Pods that run from
// it keep running.
func (s Store) Remove(ctx context.Context, reference string) error {
	_, err := s.run(ctx, "images", "remove", reference)
	return err
}

func (s Store) run(ctx context.Context, args ...string) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	output, err := s.command(ctx, args...).Output()
	if err != nil {
		return "", fmt.Errorf("running ctr %s: %w%s", strings.Join(args, " "), err, stderrOf(err))
	}
	return string(output), nil
}

// check reports at once that no containerd listens: ctr would wait long for one.
func (s Store) check() error {
	connection, err := net.DialTimeout("unix", s.Address, time.Second)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, s.Address, err)
	}
	return connection.Close()
}

func (s Store) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", s.Address, "--namespace", namespace}, args...)...)
}

func stderrOf(err error) string {
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
