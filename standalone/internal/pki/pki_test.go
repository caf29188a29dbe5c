package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"testing"

	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
)

func TestCertificatesServeWhatTheyAreFor(t *testing.T) {
	folder := t.TempDir()
	plan, err := network.NewPlan(netip.MustParsePrefix("10.200.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	certificates := Plan("node0", plan)
	if err := Write(folder, certificates); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range certificates {
		// Fails when key and certificate do not match.
		pair, err := tls.LoadX509KeyPair(CertFile(folder, wanted.Name), KeyFile(folder, wanted.Name))
		if err != nil {
			t.Fatal(err)
		}
		usage := x509.ExtKeyUsageClientAuth
		names := []string{""}
		if len(wanted.IPs) > 0 {
			usage = x509.ExtKeyUsageServerAuth
			names = wanted.DNSNames
			for _, ip := range wanted.IPs {
				names = append(names, ip.String())
			}
		}
		for _, name := range names {
			options := x509.VerifyOptions{
				DNSName: name, Roots: loadPool(t, folder, wanted.Issuer), KeyUsages: []x509.ExtKeyUsage{usage},
			}
			if _, err := pair.Leaf.Verify(options); err != nil {
				t.Errorf("%s as %q: %v", wanted.Name, name, err)
			}
		}
		if pair.Leaf.Subject.CommonName != wanted.CommonName {
			t.Errorf("%s is of %q", wanted.Name, pair.Leaf.Subject.CommonName)
		}
	}
}

func TestServersBearTheAddressesThatClientsUse(t *testing.T) {
	plan, err := network.NewPlan(netip.MustParsePrefix("10.200.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]netip.Addr{
		APIServer: {plan.NodeIP, plan.APIServerIP, netip.MustParseAddr("127.0.0.1")},
		Kubelet:   {plan.NodeIP},
		Etcd:      {netip.MustParseAddr("127.0.0.1")},
	}
	for _, certificate := range Plan("node0", plan) {
		have := map[netip.Addr]bool{}
		for _, ip := range certificate.IPs {
			have[ip] = true
		}
		for _, ip := range want[certificate.Name] {
			if !have[ip] {
				t.Errorf("%s lacks %s", certificate.Name, ip)
			}
		}
	}
}

func TestEtcdTrustsNoCertificateOfTheCluster(t *testing.T) {
	folder := t.TempDir()
	plan, err := network.NewPlan(netip.MustParsePrefix("10.200.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	if err = Write(folder, Plan("node0", plan)); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(CertFile(folder, Admin), KeyFile(folder, Admin))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{
		Roots: loadPool(t, folder, EtcdCA), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err == nil {
		t.Error("the administrator's certificate is good for etcd")
	}
}

func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	folder := t.TempDir()
	if err := Write(folder, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{KeyFile(folder, ClusterCA), KeyFile(folder, EtcdCA), KeyFile(folder, ServiceAccount)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
	}
}

func loadPool(t *testing.T, folder, authority string) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(CertFile(folder, authority))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		t.Fatalf("no certificate in %s", authority)
	}
	return pool
}
