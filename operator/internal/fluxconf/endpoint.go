package fluxconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const (
	// endpointYears is how long a certificate holds. It lives in the Secret of one
	// MiniCluster and goes with it, so it must outlive any of them.
	endpointYears = 10
	// endpointBackdate allows for clocks of nodes that are behind the operator's.
	endpointBackdate = time.Hour
	// tokenSize is the length of a token in bytes, before base64url.
	tokenSize = 32

	certificateBlock = "CERTIFICATE"
	privateKeyBlock  = "PRIVATE KEY"
)

// NewEndpoint makes what the lead's endpoint and the operator know each other by: a
// self-signed certificate for agentapi.ServerName with its key (ECDSA P-256), and a
// token that the operator shows. random, crypto/rand.Reader outside of tests,
// gives token and serial number; the key is from the system's own source, which
// Go's library does not let us choose.
func NewEndpoint(random io.Reader, now time.Time) (certPEM, keyPEM []byte, token string, err error) {
	secret := make([]byte, tokenSize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, nil, "", fmt.Errorf("make a token: %w", err)
	}
	// 16 bytes with a first bit of 0: positive, and at most the 20 octets of
	// RFC 5280, section 4.1.2.2.
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return nil, nil, "", fmt.Errorf("make a serial number: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, nil, "", fmt.Errorf("make the endpoint's key: %w", err)
	}
	// It is no authority (IsCA is false), so nothing that its key signs is taken
	// for it.
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: agentapi.ServerName},
		DNSNames:              []string{agentapi.ServerName},
		NotBefore:             now.Add(-endpointBackdate),
		NotAfter:              now.AddDate(endpointYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, "", fmt.Errorf("make the endpoint's certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, "", fmt.Errorf("encode the endpoint's key: %w", err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: privateKeyBlock, Bytes: keyDER})
	return certPEM, keyPEM, base64.RawURLEncoding.EncodeToString(secret), nil
}

// ClientTLS returns the configuration of a client that accepts exactly the
// endpoint with this certificate, wherever its address is. It refuses a
// certificate of an authority, which would vouch for others too.
func ClientTLS(certPEM []byte) (*tls.Config, error) {
	block, rest := pem.Decode(certPEM)
	if block == nil || block.Type != certificateBlock {
		return nil, errors.New("the endpoint's certificate must be a PEM block of type " + certificateBlock)
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("the endpoint's certificate must be one PEM block")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's certificate: %w", err)
	}
	if certificate.IsCA {
		return nil, errors.New("the endpoint's certificate must not be that of an authority")
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{RootCAs: roots, ServerName: agentapi.ServerName, MinVersion: tls.VersionTLS13}, nil
}
