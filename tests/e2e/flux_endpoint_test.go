package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// testFluxEndpoint asks the lead as the operator does, with and without what the
// Secret holds.
func testFluxEndpoint(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	secret := f.secret(t)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		t.Fatal("the Secret holds no certificate in tls.crt")
	}
	token := string(secret.Data["token"])
	for _, c := range []struct {
		name, method, path, body, authorization string
		status                                  int
		answer                                  string
	}{
		{"no token", http.MethodPut, "/v1/drain", `{"ranks":"1"}`, "", 401, ""},
		{"a wrong token", http.MethodPut, "/v1/drain", `{"ranks":"1"}`, "Bearer x" + token, 401, ""},
		{"no token where nothing is", http.MethodGet, "/", "", "", 401, ""},
		{"the token", http.MethodPut, "/v1/drain", `{"ranks":"1"}`, "Bearer " + token, 200, `{"busy":"","jobCount":0}`},
		{"a rank that cannot be", http.MethodPut, "/v1/drain", `{"ranks":"one"}`, "Bearer " + token, 400, `{"error":"ranks: `},
	} {
		status, answer, err := f.ask(t, roots, c.method, c.path, c.body, c.authorization)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if status != c.status || !strings.Contains(answer, c.answer) || c.answer == "" && answer != "" {
			t.Errorf("%s: %d %q, want %d %q", c.name, status, answer, c.status, c.answer)
		}
	}
	f.await(t, "1", "resource", "status", "-s", "drained", "-no", "{ranks}")
	f.flux(t, "resource", "undrain", "1")
}

// secret returns the Secret that the ranks mount.
func (f fluxInstance) secret(t *testing.T) corev1.Secret {
	t.Helper()
	mounted := f.w.run(t, "kubectl", "get", "job", f.name, "-n", namespace, "-o", "jsonpath={.spec.template.spec.volumes[*].secret.secretName}")
	var secret corev1.Secret
	f.w.get(t, &secret, "secret", mounted, "-n", namespace)
	return secret
}

// ask sends one request to the lead, through a new tunnel each time. The lead
// closes the connection of unauthorized callers. When kubectl sees a closed
// connection, the tunnel's next one may fail too.
func (f fluxInstance) ask(t *testing.T, roots *x509.CertPool, method, path, body, authorization string) (status int, answer string, err error) {
	t.Helper()
	address, closeTunnel := f.forward(t)
	defer closeTunnel()
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "lead.minicluster.gopherlocks"},
			DisableKeepAlives: true,
		},
		Timeout: 20 * time.Second,
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// forward makes the lead's endpoint reachable from here: the pods' network is
// inside the nodes. It returns the address, and a function that ends this.
func (f fluxInstance) forward(t *testing.T) (address string, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "/usr/bin/env", "kubectl", "port-forward", "-n", namespace, "pod/"+f.pod(t, 0).Name, "--address=127.0.0.1", ":8051")
	cmd.Dir, cmd.Env = f.w.dir, f.w.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	end = func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`127\.0\.0\.1:[0-9]+`).FindString(line)
	if found == "" {
		end()
		t.Fatalf("kubectl port-forward: %q, %v", line, err)
	}
	return found, end
}
