// Package credentials makes what the lead's endpoint and the operator know each
// other by, and the certificate of the brokers. All of it follows from one key of
// the operator and the MiniCluster's identity. The operator therefore never reads
// a Secret of anybody's namespace: it has no permission to.
package credentials

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// KeySize is the length of the operator's key, in bytes.
const KeySize = 32

// validity is how long a certificate holds: longer than any MiniCluster runs.
const validity = 10 * 365 * 24 * time.Hour

// MiniCluster is what credentials are made for.
type MiniCluster struct {
	Name string
	// UID tells it from others of the same name.
	UID string
	// Created begins the certificate's validity, less an hour for clocks that differ.
	Created time.Time
}

// Credentials of one MiniCluster. None of it may be logged.
type Credentials struct {
	// Token is the bearer token that the operator shows.
	Token string
	// CertPEM and KeyPEM are the endpoint's.
	CertPEM, KeyPEM []byte
	// Curve is the CURVE certificate of the brokers.
	Curve string
}

// Derive returns the credentials of the MiniCluster: the same for the same key,
// so that they are stable over restarts of the operator without being stored by it.
func Derive(key []byte, mc MiniCluster) (Credentials, error) {
	var c Credentials
	token, err := derive(key, mc, "token")
	if err != nil {
		return c, err
	}
	c.Token = base64.RawURLEncoding.EncodeToString(token)
	seed, err := derive(key, mc, "tls")
	if err != nil {
		return c, err
	}
	if c.CertPEM, c.KeyPEM, err = certificate(ed25519.NewKeyFromSeed(seed), mc); err != nil {
		return c, err
	}
	curve, err := derive(key, mc, "curve")
	if err != nil {
		return c, err
	}
	if c.Curve, err = fluxconf.NewCurve(bytes.NewReader(curve), mc.Name); err != nil {
		return c, fmt.Errorf("make the brokers' certificate: %w", err)
	}
	return c, nil
}

func derive(key []byte, mc MiniCluster, purpose string) ([]byte, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the operator's key has %d bytes and must have %d", len(key), KeySize)
	}
	derived, err := hkdf.Key(sha256.New, key, []byte(mc.UID), purpose, KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the %s of MiniCluster %s: %w", purpose, mc.Name, err)
	}
	return derived, nil
}

// certificate makes a self-signed certificate. An Ed25519 signature has no random
// part, so that it is always the same.
func certificate(key ed25519.PrivateKey, mc MiniCluster) (certPEM, keyPEM []byte, err error) {
	serial := sha256.Sum256([]byte(mc.UID))
	template := &x509.Certificate{
		// At most 20 octets and positive. Source: RFC 5280, section 4.1.2.2.
		SerialNumber:          new(big.Int).SetBytes(serial[:16]),
		Subject:               pkix.Name{CommonName: agentapi.ServerName},
		DNSNames:              []string{agentapi.ServerName},
		NotBefore:             mc.Created.Add(-time.Hour),
		NotAfter:              mc.Created.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the endpoint's certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the endpoint's key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// ClientTLS returns the TLS configuration of a client that accepts exactly the
// endpoint with this certificate, at whatever address.
func ClientTLS(certPEM []byte) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certPEM) {
		return nil, fmt.Errorf("the endpoint's certificate cannot be read")
	}
	return &tls.Config{RootCAs: roots, ServerName: agentapi.ServerName, MinVersion: tls.VersionTLS13}, nil
}
