package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // client-go's Upgrader has its type.
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
	streamhttp "k8s.io/streaming/pkg/httpstream"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// jobsTimeout bounds the question for jobs. It runs three commands of Flux, each of
// which takes 0.2 to 0.6 s on an idle machine.
const jobsTimeout = 20 * time.Second

// Jobs asks the lead of a MiniCluster which jobs run on ranks. It needs permission
// to create pods/exec.
func (c *Cluster) Jobs(ctx context.Context, there resizeplan.LiveMiniCluster, ranks idset.Set) resizeplan.Jobs {
	pod, container, ok := whatif.Lead(there.Live)
	if !ok {
		return resizeplan.Jobs{Unknown: "the lead is not running, so it cannot be asked"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, jobsTimeout, fmt.Errorf("no answer within %v", jobsTimeout))
	defer cancel()
	output, err := c.exec(ctx, there.MiniCluster.Namespace, pod, container, whatif.JobsCommand(ranks))
	var jobs whatif.Jobs
	if err == nil {
		jobs, err = whatif.ParseJobs(output)
	}
	if err != nil {
		return resizeplan.Jobs{Unknown: err.Error()}
	}
	return resizeplan.Jobs{Count: &jobs.Count, Busy: jobs.Busy, IDs: jobs.IDs}
}

// exec runs a command in a container and returns what it printed.
func (c *Cluster) exec(ctx context.Context, namespace, pod, container string, command []string) ([]byte, error) {
	config := rest.CopyConfig(c.config)
	config.Timeout = 0 // it would bound the whole conversation, which ctx does
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	core, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	target := core.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, clientgoscheme.ParameterCodec).
		URL()
	executor, err := newExecutor(config, target)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return stdout.Bytes(), explain(ctx, err, pod, stderr.String())
}

// newExecutor speaks WebSocket, or SPDY if a server or a proxy does not speak
// WebSocket.
func newExecutor(config *rest.Config, target *url.URL) (remotecommand.Executor, error) {
	webSocket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, target.String())
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	overSPDY, err := remotecommand.NewSPDYExecutorForTransports(transport, upgradeWithStatus{upgrader}, http.MethodPost, target)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(webSocket, overSPDY, func(err error) bool {
		return streamhttp.IsUpgradeFailure(err) || streamhttp.IsHTTPSProxyError(err)
	})
}

// upgradeWithStatus tells by its type that the API server forbids an upgrade.
// client-go has nothing but its text from 0.37 on.
type upgradeWithStatus struct{ spdy.Upgrader }

func (u upgradeWithStatus) NewConnection(response *http.Response) (httpstream.Connection, error) {
	connection, err := u.Upgrader.NewConnection(response)
	if err != nil && response.StatusCode == http.StatusForbidden {
		return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: err.Error(),
		}}
	}
	return connection, err
}

// explain says what went wrong with a command.
func explain(ctx context.Context, err error, pod, stderr string) error {
	exit, hasEnded := errors.AsType[utilexec.CodeExitError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("pod %s: %w", pod, context.Cause(ctx))
	case hasEnded:
		first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
		return fmt.Errorf("the agent in pod %s ended with exit code %d: %s", pod, exit.Code, first)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("no permission to ask the lead: %w", err)
	}
	return fmt.Errorf("asking the lead in pod %s: %w", pod, err)
}
