package release

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain says what to do about a registry's refusal.
func (r Registry) explain(repository name.Repository, err error) error {
	if err == nil {
		return nil
	}
	image, host := repository.Name(), repository.RegistryStr()
	wrap := func(format string, args ...any) error {
		return fmt.Errorf("image %s: %s: %w", image, fmt.Sprintf(format, args...), err)
	}
	// This comes before the refusals. At some addresses plain HTTP is tried too,
	// and a registry with TLS then answers "bad request".
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) {
		return wrap("the certificate of %s is not trusted here; if it is yours, or a proxy's, let SSL_CERT_FILE name the file of its authority", host)
	}
	if refusal := (&transport.Error{}); errors.As(err, &refusal) {
		switch refusal.StatusCode {
		case http.StatusUnauthorized:
			// Docker Hub also says so to users that it knows.
			return wrap("the registry does not know you, or not as somebody who may push there; run %s and try again", loginTo(host))
		case http.StatusForbidden:
			// GitHub also says so to users that it does not know.
			return wrap("you may not push there; log in as somebody who may: %s; or ask for permission", loginTo(host))
		case http.StatusNotFound:
			return wrap("the registry has no such repository; make it first, or correct the path after %s", host)
		case http.StatusTooManyRequests:
			return wrap("the registry asks for patience; try again later, what was pushed until here is kept")
		}
		return wrap("the registry failed")
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("image %s: interrupted; run the command again, what was pushed until here is kept: %w", image, err)
	}
	if errors.Is(err, http.ErrSchemeMismatch) && repository.Scheme() == "https" {
		return wrap("registry %s speaks plain HTTP, which is only tried at localhost:PORT, 127.0.0.1 and addresses of private networks; call it by such an address, or give it TLS", host)
	}
	if network := net.Error(nil); errors.As(err, &network) {
		return wrap("registry %s cannot be reached; check its name, the network, HTTPS_PROXY and NO_PROXY", host)
	}
	return fmt.Errorf("image %s: %w", image, err)
}

// loginTo is how to log in to a registry. For Docker Hub `docker login` gets no
// name: with one, Docker keeps the login under another key.
func loginTo(host string) string {
	if host == name.DefaultRegistry {
		return "`docker login` or `podman login " + hub + "`"
	}
	return fmt.Sprintf("`docker login %s` or `podman login %[1]s`", host)
}
