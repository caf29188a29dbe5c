package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// accountFolder is where Kubernetes mounts a pod's ServiceAccount.
// Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

const (
	requestTimeout = 10 * time.Second
	lookInterval   = time.Second // of wait: the token may not watch
	longestAnswer  = 1 << 20     // bytes
)

// scale is what is read of a Scale of autoscaling/v1.
type scale struct {
	Spec struct {
		Replicas int `json:"replicas"`
	} `json:"spec"`
	Status struct {
		Replicas int `json:"replicas"`
	} `json:"status"`
}

func (s scale) String() string {
	return fmt.Sprintf("size %d wished, %d there", s.Spec.Replicas, s.Status.Replicas)
}

// client reads and writes the scale of one MiniCluster.
type client struct {
	name, url string
	tokenFile string
	http      *http.Client
}

// newClient makes a client from what a pod finds around it. An empty name stands
// for the MiniCluster that the pod belongs to.
func newClient(getenv func(string) string, account, name string) (*client, error) {
	host, port := getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this runs in a pod of a MiniCluster; in a job of Flux, submit it with the lead's environment")
	}
	if name = cmp.Or(name, ownName(getenv("GOPHERLOCKS_LEAD_HOST"))); name == "" {
		return nil, errors.New("GOPHERLOCKS_LEAD_HOST is not set, which names the MiniCluster: give -name")
	}
	namespace, err := accountFile(account, "namespace")
	if err != nil {
		return nil, err
	}
	authorities, err := accountFile(account, "ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authorities)) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", filepath.Join(account, "ca.crt"))
	}
	return &client{
		name: name,
		url: fmt.Sprintf("https://%s/apis/flux-framework.org/v1alpha2/namespaces/%s/miniclusters/%s/scale",
			net.JoinHostPort(host, port), namespace, name),
		tokenFile: filepath.Join(account, "token"),
		http: &http.Client{
			Timeout: requestTimeout,
			// Without a proxy: the API server is in the cluster.
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		},
	}, nil
}

// ownName is the name in the lead's host name, NAME-0.SERVICE.NAMESPACE.svc.
func ownName(leadHost string) string {
	host, _, _ := strings.Cut(leadHost, ".")
	return strings.TrimSuffix(host, "-0")
}

func accountFile(account, file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(account, file))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: the pod has no token; set spec.selfScaling: true in the MiniCluster", err)
	}
	return strings.TrimSpace(string(text)), err
}

// get reads the scale.
func (c *client) get(ctx context.Context) (scale, error) {
	return c.do(ctx, http.MethodGet, nil)
}

// set wishes for size ranks. What is outside the bounds, the API server refuses.
func (c *client) set(ctx context.Context, size int) (scale, error) {
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": size}})
	if err != nil {
		return scale{}, err
	}
	return c.do(ctx, http.MethodPatch, body)
}

// wait waits until size ranks exist. They may not have joined the instance yet:
// Flux keeps a job pending until they have.
func (c *client) wait(ctx context.Context, size int) (scale, error) {
	for {
		s, err := c.get(ctx)
		if ctx.Err() == nil && (err != nil || s.Status.Replicas == size) {
			return s, err
		}
		select {
		case <-time.After(lookInterval):
		case <-ctx.Done():
			return s, fmt.Errorf("waiting for size %d of MiniCluster %s: %w; last: %v", size, c.name, ctx.Err(), s)
		}
	}
}

// do asks the API server. Its errors say what the API server says.
func (c *client) do(ctx context.Context, method string, body []byte) (scale, error) {
	var s scale
	request, err := http.NewRequestWithContext(ctx, method, c.url, bytes.NewReader(body))
	if err != nil {
		return s, err
	}
	// Read for each request: the kubelet writes a new one before it expires.
	token, err := accountFile(filepath.Split(c.tokenFile))
	if err != nil {
		return s, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return s, err
	}
	if response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("MiniCluster %s: %s", c.name, refusal(response.Status, answer))
	}
	if err := json.Unmarshal(answer, &s); err != nil {
		return s, fmt.Errorf("MiniCluster %s: the answer is no scale: %w", c.name, err)
	}
	return s, nil
}

// refusal is the message of a Status of the API server, or the HTTP status.
func refusal(httpStatus string, answer []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &status) == nil && status.Message != "" {
		return status.Message
	}
	return httpStatus
}
