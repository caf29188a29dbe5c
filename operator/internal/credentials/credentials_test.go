package credentials

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

var (
	key    = bytes.Repeat([]byte{7}, KeySize)
	sample = MiniCluster{Name: "sample", UID: "a-uid", Created: time.Now()}
)

func mustDerive(t *testing.T, key []byte, mc MiniCluster) Credentials {
	t.Helper()
	c, err := Derive(key, mc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCredentialsAreStableAndOfOneMiniCluster(t *testing.T) {
	c := mustDerive(t, key, sample)
	if !reflect.DeepEqual(c, mustDerive(t, key, sample)) {
		t.Error("the same key and MiniCluster give other credentials")
	}
	other := sample
	other.UID = "b-uid"
	for what, d := range map[string]Credentials{
		"another MiniCluster": mustDerive(t, key, other),
		"another key":         mustDerive(t, bytes.Repeat([]byte{8}, KeySize), sample),
	} {
		if d.Token == c.Token || d.Curve == c.Curve || bytes.Equal(d.KeyPEM, c.KeyPEM) {
			t.Errorf("%s has some of the same credentials", what)
		}
	}
	if err := fluxconf.CheckCurve(c.Curve); err != nil {
		t.Error(err)
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	if _, err := Derive(key[1:], sample); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

func TestClientAcceptsItsEndpointOnly(t *testing.T) {
	c := mustDerive(t, key, sample)
	other := sample
	other.UID = "b-uid"
	pair, err := tls.X509KeyPair(c.CertPEM, c.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()
	for _, test := range []struct {
		credentials Credentials
		accepts     bool
	}{{c, true}, {mustDerive(t, key, other), false}} {
		config, err := ClientTLS(test.credentials.CertPEM)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		response, err := client.Get(server.URL)
		if err == nil {
			response.Body.Close()
		}
		if (err == nil) != test.accepts {
			t.Errorf("accepted: %v, want %v (%v)", err == nil, test.accepts, err)
		}
		client.CloseIdleConnections()
	}
}
