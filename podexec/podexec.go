// Package podexec runs commands in the containers of pods, as "kubectl exec" does.
package podexec

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // client-go's Upgrader has its type.
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	streamhttp "k8s.io/streaming/pkg/httpstream"
)

// Run runs a command in a container and returns what it printed. It needs permission to
// create pods/exec. A command that ends with another code than 0 is a CodeExitError of
// client-go's util/exec.
func Run(ctx context.Context, of *rest.Config, namespace, pod, container string, command []string) (stdout, stderr []byte, err error) {
	config := rest.CopyConfig(of)
	config.Timeout = 0 // it would bound the whole conversation, which ctx does
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	core, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, nil, err
	}
	target := core.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, clientgoscheme.ParameterCodec).
		URL()
	executor, err := newExecutor(config, target)
	if err != nil {
		return nil, nil, err
	}
	var out, errOut bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &errOut})
	return out.Bytes(), errOut.Bytes(), err
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
