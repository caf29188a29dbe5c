package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const scalePath = "/apis/flux-framework.org/v1alpha2/namespaces/hpc/miniclusters/sim/scale"

// apiServer answers for the scale of the MiniCluster sim, whose ranks follow the
// wish by one with every look.
type apiServer struct {
	t       *testing.T
	account string // folder of the ServiceAccount
	env     map[string]string
	token   string

	mu            sync.Mutex
	wished, there int
}

func newAPIServer(t *testing.T, size int) *apiServer {
	t.Helper()
	s := &apiServer{t: t, account: t.TempDir(), token: "first", wished: size, there: size}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // callers that do not trust it are part of the tests
	server.StartTLS()
	t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.env = map[string]string{
		"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port,
		"GOPHERLOCKS_LEAD_HOST": "sim-0.ranks.hpc.svc",
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s.write("ca.crt", string(certificate))
	s.write("namespace", "hpc")
	s.write("token", s.token)
	return s
}

func (s *apiServer) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.account, file), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	case r.URL.Path != scalePath:
		refuse(w, http.StatusForbidden, r.URL.Path+" is forbidden")
		return
	case r.Method == http.MethodPatch:
		var patch struct{ Spec struct{ Replicas int } }
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil || r.Header.Get("Content-Type") != "application/merge-patch+json" {
			refuse(w, http.StatusBadRequest, "not a merge patch")
			return
		}
		if patch.Spec.Replicas > 4 {
			refuse(w, http.StatusUnprocessableEntity, fmt.Sprintf("size %d must be at most maxSize 4", patch.Spec.Replicas))
			return
		}
		s.wished = patch.Spec.Replicas
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "neither get nor patch")
		return
	}
	fmt.Fprintf(w, `{"kind":"Scale","spec":{"replicas":%d},"status":{"replicas":%d}}`, s.wished, s.there)
	s.there += min(1, max(-1, s.wished-s.there))
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"kind":"Status","message":%q}`, message)
}

// program runs one of the two programs against s, and returns what it printed.
type program func(s *apiServer, args ...string) (string, error)

// eachProgram runs a test with the Go program and with the Python one.
func eachProgram(t *testing.T, test func(*testing.T, program)) {
	t.Run("go", func(t *testing.T) {
		test(t, func(s *apiServer, args ...string) (string, error) {
			var out bytes.Buffer
			err := run(s.t.Context(), args, func(name string) string { return s.env[name] }, s.account, &out)
			return out.String(), err
		})
	})
	t.Run("python", func(t *testing.T) {
		python, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("needs python3 in PATH")
		}
		test(t, func(s *apiServer, args ...string) (string, error) {
			for i, arg := range args {
				if strings.HasPrefix(arg, "-") {
					args[i] = "-" + arg // argparse has long options with two dashes only
				}
			}
			cmd := exec.CommandContext(s.t.Context(), python, append([]string{"../python/scale.py", "--account", s.account}, args...)...)
			for name, value := range s.env {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			if err := cmd.Run(); err != nil {
				return out.String(), errors.New(errOut.String())
			}
			return out.String(), nil
		})
	})
}

func TestSizeIsReadSetAndAwaited(t *testing.T) {
	eachProgram(t, func(t *testing.T, run program) {
		s := newAPIServer(t, 1)
		for _, step := range []struct {
			args, want string
		}{
			{"get", "size 1 wished, 1 there\n"},
			{"scale 3", "size 3 wished, 1 there\n"},
			{"wait 3", "size 3 wished, 3 there\n"},
			{"scale 2", "size 2 wished, 3 there\n"},
			{"wait 2", "size 2 wished, 2 there\n"},
		} {
			if got, err := run(s, strings.Fields(step.args)...); err != nil || got != step.want {
				t.Fatalf("%s: %q, %v; want %q", step.args, got, err, step.want)
			}
		}
	})
}

func TestTheAPIServersReasonIsShown(t *testing.T) {
	eachProgram(t, func(t *testing.T, run program) {
		s := newAPIServer(t, 1)
		for args, want := range map[string]string{
			"scale 5":         "MiniCluster sim: size 5 must be at most maxSize 4",
			"-name other get": "MiniCluster other: " + strings.Replace(scalePath, "sim", "other", 1) + " is forbidden",
		} {
			if _, err := run(s, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", args, err, want)
			}
		}
		s.token = "second" // the kubelet has not written it yet
		if _, err := run(s, "get"); err == nil || !strings.Contains(err.Error(), "Unauthorized") {
			t.Errorf("an expired token: %v, want Unauthorized", err)
		}
	})
}

func TestWaitingHasAnEnd(t *testing.T) {
	eachProgram(t, func(t *testing.T, run program) {
		s := newAPIServer(t, 2)
		_, err := run(s, "-timeout", "1", "wait", "3")
		if err == nil || !strings.Contains(err.Error(), "size 3") || !strings.Contains(err.Error(), "size 2 wished, 2 there") {
			t.Errorf("wait for a size that nobody wishes: %v, want what was waited for and what is there", err)
		}
	})
}

func TestMissingParts(t *testing.T) {
	eachProgram(t, func(t *testing.T, run program) {
		for name, c := range map[string]struct {
			spoil func(*apiServer)
			want  string
		}{
			"not in a pod":    {func(s *apiServer) { delete(s.env, "KUBERNETES_SERVICE_HOST") }, "runs in a pod of a MiniCluster"},
			"not in a rank":   {func(s *apiServer) { delete(s.env, "GOPHERLOCKS_LEAD_HOST") }, "GOPHERLOCKS_LEAD_HOST is not set"},
			"no selfScaling":  {func(s *apiServer) { s.account += "/none" }, "set spec.selfScaling: true"},
			"another cluster": {func(s *apiServer) { s.write("ca.crt", otherAuthority(s.t)) }, "certificate"},
		} {
			s := newAPIServer(t, 1)
			c.spoil(s)
			if _, err := run(s, "get"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	})
}

func TestBadCommandLinesAreRefused(t *testing.T) {
	eachProgram(t, func(t *testing.T, run program) {
		s := newAPIServer(t, 1)
		for _, args := range []string{"", "grow 2", "get 1", "scale", "scale two", "wait 1 2"} {
			if out, err := run(s, strings.Fields(args)...); err == nil {
				t.Errorf("%q: succeeded with %q", args, out)
			}
		}
		if s.wished != 1 {
			t.Errorf("size %d, want 1: nothing was to be changed", s.wished)
		}
	})
}

// otherAuthority is a certificate that has signed nothing of the server's.
func otherAuthority(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}
