package embedded

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// probeCommand makes the test's program the workload of a pod.
const probeCommand = "probe"

// testCommands are other commands of the test's program.
var testCommands = map[string]func(args []string) error{
	probeCommand: func([]string) error { return probe() },
}

// TestMain lets the test's own program be the supervisor of the nodes that it
// makes, the program of a pod in them, and the other testCommands.
func TestMain(m *testing.M) {
	RunNode()
	if len(os.Args) > 1 {
		if command, ok := testCommands[os.Args[1]]; ok {
			if err := command(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// probe finds the API server by its name and reaches it by its service's
// address, with nothing but what a pod has.
func probe() error {
	const (
		host    = "kubernetes.default.svc.cluster.local"
		account = "/var/run/secrets/kubernetes.io/serviceaccount/"
	)
	addresses, err := net.LookupHost("kubernetes.default")
	if err != nil {
		return err
	}
	if want := os.Getenv("KUBERNETES_SERVICE_HOST"); len(addresses) != 1 || addresses[0] != want {
		return fmt.Errorf("kubernetes.default is %v, not %s", addresses, want)
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}
	request, err := http.NewRequest(http.MethodGet, "https://"+host+"/api", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server answered %s", response.Status)
	}
	return nil
}
