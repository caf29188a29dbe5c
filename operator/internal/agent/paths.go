package agent

import (
	"cmp"
	"path/filepath"
	"strconv"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// paths are the files, folders and addresses of a rank, so that tests can place
// them elsewhere. Source of the values: package agentapi.
type paths struct {
	program         string
	secretCurve     string
	secretToken     string
	secretTLSCert   string
	secretTLSKey    string
	runDir          string
	brokerConfigDir string
	resource        string
	usedCurve       string
	socket          string
	termination     string
	health          string // address of the probes' endpoint
	agent           string // address of the lead's endpoint
	view            view   // where the image of a rank expects the view
}

func defaultPaths() paths {
	return paths{
		program:         agentapi.Program,
		secretCurve:     agentapi.CurveFile,
		secretToken:     agentapi.TokenFile,
		secretTLSCert:   agentapi.TLSCertFile,
		secretTLSKey:    agentapi.TLSKeyFile,
		runDir:          agentapi.RunDir,
		brokerConfigDir: agentapi.BrokerConfigDir,
		resource:        agentapi.ResourceFile,
		usedCurve:       agentapi.UsedCurveFile,
		socket:          agentapi.Socket,
		termination:     agentapi.TerminationMessageFile,
		health:          ":" + strconv.Itoa(agentapi.HealthPort),
		agent:           ":" + strconv.Itoa(agentapi.AgentPort),
		view:            imageView,
	}
}

// commandEnd is where the initial program notes how the command ended: the
// broker's own exit code may stand for something else.
func (p paths) commandEnd() string { return filepath.Join(p.runDir, "command-end.json") }

// batchScript is the script of ModeBatch, and commandScript that of commands.script.
func (p paths) batchScript() string   { return filepath.Join(p.runDir, "batch.sh") }
func (p paths) commandScript() string { return filepath.Join(p.runDir, "command.sh") }

// state is what the user's commands have left: see state.
func (p paths) state() string { return filepath.Join(p.runDir, "state.json") }

// brokerConfig is the file of the brokers' configuration.
func (p paths) brokerConfig() string { return filepath.Join(p.brokerConfigDir, "broker.toml") }

// sharedSocket is where the broker makes its socket: on the volume of the view, so
// that the containers beside the rank reach it too. Other processes of the rank know
// it by a link.
func (p paths) sharedSocket(cfg agentapi.Config) string {
	return cmp.Or(agentapi.SharedSocket(cfg.MountPath), p.socket)
}
