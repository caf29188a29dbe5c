// Package pki makes the certificates of a cluster. The cluster and etcd have an
// authority each, so a client certificate that the cluster signs is not valid for
// the database.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
)

// validity of all certificates. An embedded cluster is for one machine and has
// no rotation: its certificates live as long as the cluster plausibly does.
const validity = 10 * 365 * 24 * time.Hour

// Names of the certificates: NAME.crt and NAME.key in the folder.
const (
	ClusterCA         = "ca"
	EtcdCA            = "etcd-ca"
	Etcd              = "etcd"
	EtcdClient        = "etcd-client"
	APIServer         = "apiserver"
	APIServerKubelet  = "apiserver-kubelet-client"
	FrontProxy        = "front-proxy-client"
	Kubelet           = "kubelet"
	Admin             = "admin"
	Node              = "node"
	ControllerManager = "controller-manager"
	Scheduler         = "scheduler"
	Proxy             = "proxy"
	CoreDNS           = "coredns"
	// ServiceAccount is a bare key pair: NAME.pub and NAME.key.
	ServiceAccount = "sa"
)

// Certificate says what one certificate is for.
type Certificate struct {
	Name, Issuer string
	CommonName   string
	Organization []string
	// DNSNames and IPs make it a server's certificate. Without them it is a
	// client's.
	DNSNames []string
	IPs      []netip.Addr
}

// Plan returns the certificates of a cluster without the two authorities. Users and
// groups have the names of the RBAC rules in every API server
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles).
func Plan(nodeName string, plan network.Plan) []Certificate {
	loopback := netip.MustParseAddr("127.0.0.1")
	client := func(name, user string, groups ...string) Certificate {
		return Certificate{Name: name, Issuer: ClusterCA, CommonName: user, Organization: groups}
	}
	return []Certificate{
		{
			Name: APIServer, Issuer: ClusterCA, CommonName: "kube-apiserver",
			DNSNames: []string{
				"localhost", nodeName, "kubernetes", "kubernetes.default",
				"kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			},
			IPs: []netip.Addr{loopback, plan.NodeIP, plan.APIServerIP},
		},
		{
			Name: Kubelet, Issuer: ClusterCA, CommonName: "kubelet",
			DNSNames: []string{nodeName}, IPs: []netip.Addr{loopback, plan.NodeIP},
		},
		client(APIServerKubelet, "kube-apiserver-kubelet-client", "system:masters"),
		client(FrontProxy, "front-proxy-client"),
		client(Admin, "kubernetes-admin", "system:masters"),
		client(Node, "system:node:"+nodeName, "system:nodes"),
		client(ControllerManager, "system:kube-controller-manager"),
		client(Scheduler, "system:kube-scheduler"),
		client(Proxy, "system:kube-proxy"),
		client(CoreDNS, "system:coredns"),
		{
			Name: Etcd, Issuer: EtcdCA, CommonName: "etcd",
			DNSNames: []string{"localhost"}, IPs: []netip.Addr{loopback},
		},
		{Name: EtcdClient, Issuer: EtcdCA, CommonName: "kube-apiserver-etcd-client"},
	}
}

// CertFile and KeyFile are the paths of a certificate in folder.
func CertFile(folder, name string) string { return filepath.Join(folder, name+".crt") }

// KeyFile is the path of the key of a certificate in folder.
func KeyFile(folder, name string) string { return filepath.Join(folder, name+".key") }

// PublicKeyFile is the path of the public key of ServiceAccount in folder.
func PublicKeyFile(folder string) string { return filepath.Join(folder, ServiceAccount+".pub") }

// Write makes the authorities, the certificates and the key of service accounts
// in folder. Only root can read the keys.
func Write(folder string, certificates []Certificate) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder of certificates: %w", err)
	}
	authorities := map[string]*authority{}
	for _, name := range []string{ClusterCA, EtcdCA} {
		made, err := newAuthority("gopherlocks " + name)
		if err != nil {
			return err
		}
		if err := writePair(folder, name, made.der, made.key); err != nil {
			return err
		}
		authorities[name] = made
	}
	for _, certificate := range certificates {
		der, key, err := authorities[certificate.Issuer].issue(certificate)
		if err != nil {
			return err
		}
		if err := writePair(folder, certificate.Name, der, key); err != nil {
			return err
		}
	}
	return writeServiceAccountKey(folder)
}

type authority struct {
	certificate *x509.Certificate
	der         []byte
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	template, err := newTemplate(name)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of %s: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %s: %w", name, err)
	}
	return &authority{certificate: certificate, der: der, key: key}, nil
}

func (a *authority) issue(wanted Certificate) ([]byte, *ecdsa.PrivateKey, error) {
	template, err := newTemplate(wanted.CommonName)
	if err != nil {
		return nil, nil, err
	}
	template.Subject.Organization = wanted.Organization
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(wanted.DNSNames)+len(wanted.IPs) > 0 {
		// etcd also uses its server's certificate to call itself.
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	template.DNSNames = wanted.DNSNames
	for _, ip := range wanted.IPs {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of %s: %w", wanted.Name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("making the certificate %s: %w", wanted.Name, err)
	}
	return der, key, nil
}

func newTemplate(commonName string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName},
		// A machine's clock may be set back a little while the cluster runs.
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.Add(validity),
	}, nil
}

func writePair(folder, name string, der []byte, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding key %s: %w", name, err)
	}
	return errors.Join(
		writePEM(CertFile(folder, name), "CERTIFICATE", der),
		writePEM(KeyFile(folder, name), "PRIVATE KEY", keyDER),
	)
}

func writeServiceAccountKey(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the key of service accounts: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the key of service accounts: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encoding the public key of service accounts: %w", err)
	}
	return errors.Join(
		writePEM(KeyFile(folder, ServiceAccount), "PRIVATE KEY", private),
		writePEM(PublicKeyFile(folder), "PUBLIC KEY", public),
	)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
