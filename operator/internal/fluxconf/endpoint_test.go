package fluxconf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func newEndpoint(t *testing.T, now time.Time) (certPEM, keyPEM []byte, token string) {
	t.Helper()
	certPEM, keyPEM, token, err := NewEndpoint(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	return certPEM, keyPEM, token
}

func parseCertificate(t *testing.T, certPEM []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(certPEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// handshake lets a client that pins the certificate pinned speak to a server that
// shows serverCert, and returns the client's error.
func handshake(t *testing.T, pinned []byte, serverCert tls.Certificate, maxVersion uint16) error {
	t.Helper()
	config, err := ClientTLS(pinned)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{serverCert}, MaxVersion: maxVersion,
	})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer listener.Close()
	serving.Go(func() {
		server, err := listener.Accept()
		if err != nil {
			return // the client has not come, and says why
		}
		defer server.Close()
		// Ends with the handshake, or when the client closes. Its error is the
		// client's as well, which is looked at.
		_ = server.(*tls.Conn).HandshakeContext(t.Context())
	})
	client, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err == nil {
		client.Close()
	}
	return err
}

func keyPair(t *testing.T, certPEM, keyPEM []byte) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestClientTakesExactlyItsEndpoint(t *testing.T) {
	now := time.Now()
	certPEM, keyPEM, _ := newEndpoint(t, now)
	own := keyPair(t, certPEM, keyPEM)
	if err := handshake(t, certPEM, own, 0); err != nil {
		t.Errorf("its own endpoint: %v", err)
	}

	otherCert, otherKey, _ := newEndpoint(t, now)
	if err := handshake(t, certPEM, keyPair(t, otherCert, otherKey), 0); err == nil {
		t.Error("another endpoint of the same name was accepted")
	}

	// Someone with the endpoint's key signs a certificate for another one.
	template := parseCertificate(t, otherCert)
	template.SerialNumber = big.NewInt(1)
	signed, err := x509.CreateCertificate(rand.Reader, template, parseCertificate(t, certPEM),
		template.PublicKey, own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	signedPEM := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: signed})
	if err := handshake(t, certPEM, keyPair(t, signedPEM, otherKey), 0); err == nil {
		t.Error("a certificate signed with the endpoint's key was accepted")
	}

	oldCert, oldKey, _ := newEndpoint(t, now.AddDate(-endpointYears, 0, -1))
	if err := handshake(t, oldCert, keyPair(t, oldCert, oldKey), 0); err == nil {
		t.Error("a certificate that has run out was accepted")
	}

	if err := handshake(t, certPEM, own, tls.VersionTLS12); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

func TestNewEndpointCertificate(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	certPEM, _, _ := newEndpoint(t, now)
	c := parseCertificate(t, certPEM)
	if err := c.VerifyHostname(agentapi.ServerName); err != nil {
		t.Error(err)
	}
	if want := now.Add(-time.Hour); !c.NotBefore.Equal(want) {
		t.Errorf("valid from %v, want %v", c.NotBefore, want)
	}
	if want := now.AddDate(10, 0, 0); !c.NotAfter.Equal(want) {
		t.Errorf("valid to %v, want %v", c.NotAfter, want)
	}
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Params().Name != "P-256" {
		t.Errorf("its key is %T", c.PublicKey)
	}
	if c.IsCA || !c.BasicConstraintsValid {
		t.Error("it must say that it is no authority")
	}
}

func TestNewEndpointToken(t *testing.T) {
	_, _, one := newEndpoint(t, time.Now())
	_, _, other := newEndpoint(t, time.Now())
	if one == other {
		t.Error("two tokens are equal")
	}
	if data, err := base64.RawURLEncoding.DecodeString(one); err != nil || len(data) != 32 {
		t.Errorf("the token has %d bytes, %v", len(data), err)
	}
}

func TestNewEndpointSaysWhenRandomnessFails(t *testing.T) {
	broken := errors.New("no entropy")
	for _, random := range []io.Reader{
		iotest.ErrReader(broken),
		io.MultiReader(bytes.NewReader(make([]byte, tokenSize)), iotest.ErrReader(broken)),
	} {
		if _, _, token, err := NewEndpoint(random, time.Now()); !errors.Is(err, broken) || token != "" {
			t.Errorf("token %q, %v", token, err)
		}
	}
}

func TestClientTLSRefuses(t *testing.T) {
	certPEM, keyPEM, _ := newEndpoint(t, time.Now())
	template := parseCertificate(t, certPEM)
	template.IsCA = true
	pair := keyPair(t, certPEM, keyPEM)
	authority, err := x509.CreateCertificate(rand.Reader, template, template, template.PublicKey, pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text []byte
		want string
	}{
		{nil, "must be a PEM block of type CERTIFICATE"},
		{keyPEM, "must be a PEM block of type CERTIFICATE"},
		{append(bytes.Clone(certPEM), certPEM...), "must be one PEM block"},
		{pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: []byte("x")}), "the endpoint's certificate: "},
		{pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: authority}), "must not be that of an authority"},
	}
	for _, tt := range tests {
		if _, err := ClientTLS(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ClientTLS: %v, want an error with %q", err, tt.want)
		}
	}
}
