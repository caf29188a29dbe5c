package queue

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gopherlocks/gopherlocks/demo/drive"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/podexec"
)

const (
	// brokerURI is that of each rank's broker, as docs/interactive-use.md tells users.
	brokerURI = "FLUX_URI=local:///gopherlocks/run/local"
	// defaultView is where the programs of the view are, by default.
	defaultView = "/mnt/flux"
)

// flux runs commands of Flux in the lead's pod, as docs/interactive-use.md tells users.
type flux struct{ config *rest.Config }

// run runs a command in the pod of the lead that is seen, and returns what it prints.
func (f flux) run(ctx context.Context, seen drive.Sight, args ...string) (string, error) {
	lead, err := seen.Lead()
	if err != nil {
		return "", err
	}
	command := commandIn(seen.MiniCluster, args)
	out, errOut, err := podexec.Run(ctx, f.config, lead.Namespace, lead.Name, lead.Annotations[v1alpha2.AnnotationDefaultContainer], command)
	if err != nil {
		return "", fmt.Errorf("%q in pod %s/%s: %w: %s", strings.Join(command, " "), lead.Namespace, lead.Name, err, bytes.TrimSpace(errOut))
	}
	return string(out), nil
}

// version says what the instance is made of.
func (f flux) version(ctx context.Context, seen drive.Sight) (string, error) {
	said, err := f.run(ctx, seen, "version")
	return describe(said), err
}

// submit submits a job that keeps so many ranks busy for a time, and returns its ID.
func (f flux) submit(ctx context.Context, seen drive.Sight, ranks int, work time.Duration) (string, error) {
	said, err := f.run(ctx, seen, "submit", "-N"+strconv.Itoa(ranks), "sleep", strconv.FormatFloat(work.Seconds(), 'f', -1, 64))
	return strings.TrimSpace(said), err
}

// statuses are those of jobs, by ID. A job that Flux does not know is an error.
func (f flux) statuses(ctx context.Context, seen drive.Sight, ids []string) (map[string]string, error) {
	said, err := f.run(ctx, seen, append([]string{"jobs", "-n", "-o", "{id} {status}"}, ids...)...)
	if err != nil {
		return nil, err
	}
	return parseStatuses(said), nil
}

// cancel ends jobs.
func (f flux) cancel(ctx context.Context, seen drive.Sight, ids []string) error {
	_, err := f.run(ctx, seen, append([]string{"cancel"}, ids...)...)
	return err
}

// commandIn is a command of Flux in a rank of the MiniCluster.
func commandIn(m *v1alpha2.MiniCluster, args []string) []string {
	program := "flux" // the image's own
	if container := m.Spec.Flux.Container; !container.Disable {
		view := container.MountPath
		if view == "" {
			view = defaultView
		}
		program = view + "/view/bin/flux"
	}
	return append([]string{"env", brokerURI, program}, args...)
}

// describe says in words what "flux version" does.
func describe(said string) string {
	version := "of an unknown version"
	for line := range strings.Lines(said) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "commands:" {
			version = fields[1]
		}
	}
	if strings.Contains(said, "stand-in") {
		return "the stand-in for Flux " + version + ", which is not Flux"
	}
	return "Flux " + version
}

// parseStatuses reads lines of an ID and a status.
func parseStatuses(said string) map[string]string {
	statuses := map[string]string{}
	for line := range strings.Lines(said) {
		if id, status, two := strings.Cut(strings.TrimSpace(line), " "); two {
			statuses[id] = status
		}
	}
	return statuses
}
