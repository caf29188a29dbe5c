// Package kubeapi is the small part of the Kubernetes API that is needed to make a
// cluster, over plain HTTP. A typed client would more than double the plugin's size
// and start-up time.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
)

// Client talks to one API server.
type Client struct {
	server string
	http   *http.Client
}

// StatusError is an answer of the API server other than success.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the API server answered %d: %s", e.Code, e.Message)
}

// NewAdmin returns a client of server as administrator, with the certificates
// in the folder pkiDir.
func NewAdmin(server, pkiDir string) (*Client, error) {
	certificate, err := tls.LoadX509KeyPair(pki.CertFile(pkiDir, pki.Admin), pki.KeyFile(pkiDir, pki.Admin))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator's certificate: %w", err)
	}
	authority, err := os.ReadFile(pki.CertFile(pkiDir, pki.ClusterCA))
	if err != nil {
		return nil, fmt.Errorf("loading the cluster's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool, MinVersion: tls.VersionTLS12},
		// A proxy of the environment must not get in between.
		Proxy: nil,
	}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

// Get reads path into result, which may be nil.
func (c *Client) Get(ctx context.Context, path string, result any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, result)
}

// Apply applies an object by server-side apply. path is the object's.
func (c *Client) Apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	const query = "?fieldManager=gopherlocks&force=true"
	if err := c.do(ctx, http.MethodPatch, path+query, "application/apply-patch+yaml", body, nil); err != nil {
		return fmt.Errorf("applying %s: %w", path, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, result any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &StatusError{Code: response.StatusCode, Message: strings.TrimSpace(string(data))}
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(data, result)
}
