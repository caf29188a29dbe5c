package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// What the lines of the Flux Operator's users rely on: the variables of its scripts,
// and files below the mount path of the view, also without a view.
// Source: pkg/flux of github.com/flux-framework/flux-operator, June 2026.

// variable is one of a shell.
type variable struct {
	name, value string
	exported    bool
}

type variables []variable

// script sets the variables, to be put before a line.
func (v variables) script() string {
	var script strings.Builder
	for _, variable := range v {
		if variable.exported {
			script.WriteString("export ")
		}
		fmt.Fprintf(&script, "%s=%s; ", variable.name, argv.Quote(variable.value))
	}
	return script.String()
}

// defaultLogs is where jobs of batch scripts write to by default.
const defaultLogs = "/tmp/fluxout"

// upstreamVariables are set in each shell that runs a user's lines. Only those that the
// Flux Operator exports reach jobs: the others have names that could be anybody's.
func upstreamVariables(cfg agentapi.Config, p paths) variables {
	mount := mountOf(cfg)
	v := variables{
		{name: "viewbase", value: mount},
		{name: "viewroot", value: mountedLinks(mount)},
		{name: "configroot", value: mountedConfig(mount)},
		{name: "software", value: mountedSoftware(mount)},
		{name: "viewbin", value: filepath.Join(mountedLinks(mount), "bin")},
		{name: "fluxpath", value: filepath.Join(mountedLinks(mount), "bin", "flux")},
		{name: "fluxuid", value: strconv.Itoa(os.Getuid())},
		{name: "cfg", value: p.brokerConfigDir},
		{name: "hosts", value: cfg.Hosts},
		{name: "mainHost", value: cfg.Name + "-0"},
		{name: "command", value: cfg.Command},
		{name: "fluxsocket", value: "local://" + p.sharedSocket(cfg)},
		{name: "FLUX_OUTPUT_DIR", value: logsFolder(cfg), exported: true},
		{name: "STATE_DIR", value: cfg.StateDir, exported: true},
	}
	if u, err := user.Current(); err == nil {
		v = append(v, variable{name: "fluxuser", value: u.Username})
	}
	return v
}

// mountOf is where the view is mounted, or would be.
func mountOf(cfg agentapi.Config) string { return cmp.Or(cfg.MountPath, cfg.ViewPath) }

func logsFolder(cfg agentapi.Config) string { return cmp.Or(cfg.Logs, defaultLogs) }

// mountedConfig is the folder of files beside the view.
func mountedConfig(mount string) string { return filepath.Join(mount, "config") }

// upstreamLink is a link at a place that users' lines read and write.
type upstreamLink struct{ path, target string }

// upstreamLinks lead to the brokers' configuration and to R, whose place was another
// in earlier versions of the Flux Operator.
func upstreamLinks(cfg agentapi.Config, p paths) []upstreamLink {
	if cfg.MountPath == "" {
		return nil
	}
	config, view := mountedConfig(cfg.MountPath), mountedLinks(cfg.MountPath)
	return []upstreamLink{
		{filepath.Join(config, "etc/flux/config/broker.toml"), p.brokerConfig()},
		{filepath.Join(config, "etc/flux/system/R"), p.resource},
		{filepath.Join(view, "etc/flux/system/R"), p.resource},
	}
}

// upstreamFolders are those of files beside the view, and of R in it. That of the
// broker's socket is made in config/run: it must belong to the broker's user.
func upstreamFolders(mount string) []string {
	config := mountedConfig(mount)
	return []string{
		filepath.Join(config, "run"), filepath.Join(config, "etc/flux/config"), filepath.Join(config, "etc/flux/system"),
		filepath.Join(mountedLinks(mount), "etc/flux/system"),
	}
}

// writeUpstreamFiles makes the files below the mount path. env is what the view's
// programs need.
func writeUpstreamFiles(cfg agentapi.Config, p paths, env []string) error {
	mount := cfg.MountPath
	if mount == "" {
		return nil
	}
	for _, folder := range upstreamFolders(mount) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	for _, link := range upstreamLinks(cfg, p) {
		// A container that is started again finds those of the one before.
		if err := os.Remove(link.path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.Symlink(link.target, link.path); err != nil {
			return err
		}
	}
	texts := map[string]string{
		filepath.Join(mountedConfig(mount), "etc/flux/system/hostlist"): cfg.Hosts + "\n",
		filepath.Join(mount, "flux-view.sh"):                            viewScript(cfg, p, env),
		filepath.Join(mount, "flux-connect.sh"):                         connectScript(mount),
	}
	for file, text := range texts {
		if err := writeAtomically(file, bytes.NewBufferString(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// viewScript is what people source to use Flux in a shell of the pod.
func viewScript(cfg agentapi.Config, p paths, env []string) string {
	v := variables{{name: "fluxsocket", value: "local://" + p.sharedSocket(cfg), exported: true}}
	for _, name := range []string{"PATH", "PYTHONPATH", "LD_LIBRARY_PATH"} {
		v = append(v, variable{name: name, value: lookup(env, name), exported: true})
	}
	return "#!/bin/sh\n" + v.script() + "\n"
}

// connectScript opens a shell in the instance.
func connectScript(mount string) string {
	return "#!/bin/sh\n. " + argv.Quote(filepath.Join(mount, "flux-view.sh")) + "\nexec flux proxy \"$fluxsocket\" \"${SHELL:-/bin/sh}\"\n"
}
