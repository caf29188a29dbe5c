package drain

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

const (
	// wait is how long the lead may hold back an answer that tells nothing new.
	wait = 30 * time.Second
	// patience is how much longer the operator waits for it.
	patience = 15 * time.Second
	// longestAnswer is the most that is read of an answer, in bytes.
	longestAnswer = 1 << 20
)

// errStranger says that lead and operator do not know each other.
var errStranger = errors.New("it does not have the credentials that follow from the operator's key: the key, or the MiniCluster's Secret, is another one; delete that Secret and the Job to have the ranks started anew")

// lead is a client of one lead's endpoint.
type lead struct {
	url   string
	token string
	http  *http.Client
}

func newLead(host string, c credentials.Credentials) (*lead, error) {
	tlsConfig, err := credentials.ClientTLS(c.CertPEM)
	if err != nil {
		return nil, err
	}
	return &lead{
		url:   "https://" + net.JoinHostPort(host, strconv.Itoa(agentapi.AgentPort)),
		token: c.Token,
		http: &http.Client{
			Timeout: wait + patience,
			// A proxy of the environment has no way to pods.
			Transport: &http.Transport{TLSClientConfig: tlsConfig, TLSHandshakeTimeout: patience},
		},
	}, nil
}

func (l *lead) close() { l.http.CloseIdleConnections() }

// drain asks for exactly these ranks to be drained.
func (l *lead) drain(ctx context.Context, request agentapi.DrainRequest) (agentapi.DrainReport, error) {
	var report agentapi.DrainReport
	body, err := json.Marshal(request)
	if err != nil {
		return report, fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, l.url+agentapi.PathDrain, bytes.NewReader(body))
	if err != nil {
		return report, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	req.Header.Set("Content-Type", "application/json")
	response, err := l.http.Do(req)
	var strange *tls.CertificateVerificationError
	if errors.As(err, &strange) {
		return report, errStranger
	}
	if err != nil {
		return report, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return report, fmt.Errorf("read the answer: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
		if err := json.Unmarshal(answer, &report); err != nil {
			return report, fmt.Errorf("decode the answer: %w", err)
		}
		return report, nil
	case http.StatusUnauthorized:
		return report, errStranger
	default:
		var problem agentapi.Error
		_ = json.Unmarshal(answer, &problem) // The status says enough.
		return report, fmt.Errorf("%s: %s", response.Status, problem.Error)
	}
}
