// Package cluster asks an existing cluster for what package preflight decides on.
// It only reads.
package cluster

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A user waits for the preview: these bound a request, and all of them together.
const (
	requestTimeout = 10 * time.Second
	totalTimeout   = time.Minute
)

// atATime bounds the requests under way, so that the API server's limits do not
// slow them down.
const atATime = 16

// Cluster is the way to one.
type Cluster struct {
	// context, user and server are what its kubeconfig says, for messages.
	context, user, server string
	typed                 kubernetes.Interface
	dynamic               dynamic.Interface
	slots                 chan struct{}
}

// Connect makes a client from the content of a kubeconfig. Nothing is asked yet.
func Connect(kubeconfig string) (*Cluster, error) {
	loaded, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil {
		return nil, fmt.Errorf("gopherlocks:kubeconfig: %w", err)
	}
	config, err := clientcmd.NewDefaultClientConfig(*loaded, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("gopherlocks:kubeconfig: context %q cannot be used: %w", loaded.CurrentContext, err)
	}
	c := &Cluster{context: loaded.CurrentContext, server: config.Host, slots: make(chan struct{}, atATime)}
	if chosen := loaded.Contexts[loaded.CurrentContext]; chosen != nil {
		c.user = chosen.AuthInfo
	}
	if err = c.checkCertificate(config); err != nil {
		return nil, err
	}
	config.Timeout = requestTimeout
	config.QPS = -1 // slots bound them
	// Proxies and programs that stand in for an API server all speak it.
	config.ContentType = runtime.ContentTypeJSON
	// We do not print the API server's warnings, such as those about deprecations.
	config.WarningHandler = rest.NoWarnings{}
	if c.typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("gopherlocks:kubeconfig: context %q cannot be used: %w", c.context, err)
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("gopherlocks:kubeconfig: context %q cannot be used: %w", c.context, err)
	}
	return c, nil
}

// String names the cluster as the user does.
func (c *Cluster) String() string {
	return fmt.Sprintf("the cluster of context %q (%s)", c.context, c.server)
}

// checkCertificate finds a client certificate that has expired: the API server
// would only say "unauthorized".
func (c *Cluster) checkCertificate(config *rest.Config) error {
	block, _ := pem.Decode(config.CertData)
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || time.Now().Before(certificate.NotAfter) {
		return nil // The API server judges all else.
	}
	return fmt.Errorf("gopherlocks:context: the client certificate of user %q in context %q has expired on %s: "+
		"get new credentials, and see that this works: kubectl --context %s auth whoami",
		c.user, c.context, certificate.NotAfter.UTC().Format(time.DateTime), c.context)
}

// explain turns the error of the first request into what is wrong and what to do.
// It returns nil if the error is about permissions: these are checked separately.
func (c *Cluster) explain(err error) error {
	var unknownAuthority x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var request *url.Error
	try := "kubectl --context " + c.context + " version"
	switch {
	case err == nil, apierrors.IsForbidden(err):
		return nil
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("gopherlocks:context: %s refuses the credentials of user %q, which may have expired: log in again, "+
			"or give a kubeconfig with others, and see that this works: kubectl --context %s auth whoami: %w", c, c.user, c.context, err)
	case errors.As(err, &unknownAuthority), errors.As(err, &wrongName), errors.As(err, &invalid):
		return fmt.Errorf("gopherlocks:kubeconfig: the certificate of %s cannot be trusted: correct server and "+
			"certificate-authority(-data) in the kubeconfig until this works: %s: %w", c, try, cause(err))
	case strings.Contains(err.Error(), "getting credentials: "):
		// A plugin of the kubeconfig (exec) that is missing or fails.
		return fmt.Errorf("gopherlocks:context: the kubeconfig's program for the credentials of user %q does not work here: "+
			"install it or log in, until this works: %s: %w", c.user, try, cause(err))
	case errors.As(err, &request), isNetwork(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("gopherlocks:context: %s does not answer: start it, or reach it (network, VPN, proxy), or choose "+
			"another context, until this works: %s: %w", c, try, cause(err))
	default:
		return fmt.Errorf("%s: %w", c, err)
	}
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}

// cause leaves out the URL of a request, which the message has already.
func cause(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
