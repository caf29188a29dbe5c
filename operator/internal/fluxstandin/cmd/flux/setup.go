package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// Sources: flux-broker(1), flux-broker-attributes(7), flux-config-bootstrap(5),
// flux-config-resource(5), flux-config-ingest(5), and Flux RFC 20 for R.

// setup is what a broker is told.
type setup struct {
	rank, size, cores, gpus int32
	hosts                   []string // of the ranks; empty: this host alone
	// feasibility is whether jobs that can never fit are refused at once.
	feasibility bool
	socket      string
	// stateDir, restore and dump are the attributes statedir, content.restore and
	// content.dump; empty: not set.
	stateDir, restore, dump string
	// program is the initial program; empty: none.
	program []string
}

func readSetup(args []string) (setup, error) {
	o, err := parseOptions(args, "c/config-path=", "S/setattr=", "v/verbose", "q/quiet")
	if err != nil {
		return setup{}, err
	}
	attributes := map[string]string{}
	for _, text := range o.values["setattr"] {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return setup{}, usagef("-S %s is not NAME=VALUE", text)
		}
		attributes[name] = value
	}
	b := setup{
		socket:   strings.TrimPrefix(attributes["local-uri"], "local://"),
		stateDir: attributes["statedir"], restore: attributes["content.restore"], dump: attributes["content.dump"],
		size: 1, cores: 1, program: o.rest,
	}
	if b.socket == "" {
		folder := attributes["rundir"]
		if folder == "" {
			if folder, err = os.MkdirTemp("", "flux-"); err != nil {
				return b, err
			}
		}
		b.socket = filepath.Join(folder, "local")
	}
	if o.has("config-path") {
		if err := b.readConfig(o.text("config-path", "")); err != nil {
			return b, err
		}
	}
	for name, number := range map[string]*int32{"FLUX_STANDIN_RANK": &b.rank, "FLUX_STANDIN_SIZE": &b.size, "FLUX_STANDIN_CORES": &b.cores} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil || n < 0 {
				return b, fmt.Errorf("%s %q must be a number from 0", name, text)
			}
			*number = int32(n)
		}
	}
	if b.rank >= b.size && b.rank > 0 && os.Getenv("FLUX_STANDIN_SIZE") != "" {
		return b, fmt.Errorf("rank %d must be less than the size %d", b.rank, b.size)
	}
	if noProgram := attributes["broker.rc2_none"] != ""; b.rank > 0 || noProgram {
		b.program = nil
	} else if len(b.program) == 0 {
		return b, usagef("the stand-in for Flux has no interactive shell: name an initial PROGRAM, or set -Sbroker.rc2_none=1")
	}
	return b, nil
}

// What is read of a configuration: [bootstrap] hosts, [resource] path, and [ingest.validator]
// plugins.
var (
	feasibilityPlugin = regexp.MustCompile(`(?m)^\s*plugins\s*=\s*\[.*"feasibility".*\]`)

	hostKey = regexp.MustCompile(`\bhost\s*=\s*"([^"]+)"`)
	pathKey = regexp.MustCompile(`(?m)^\s*path\s*=\s*"([^"]+)"`)
)

func (b *setup) readConfig(folder string) error {
	if err := checkConfig(folder); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		b.feasibility = b.feasibility || feasibilityPlugin.Match(text)
		if err := b.readHosts(string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		// Every rank reads R, and ends without it. Source:
		// src/modules/resource/resource.c.
		if path := pathKey.FindStringSubmatch(string(text)); path != nil {
			if err := b.readR(path[1]); err != nil {
				return fmt.Errorf("resource.path: %w", err)
			}
		}
	}
	return nil
}

// readHosts finds the own rank by the host name.
func (b *setup) readHosts(toml string) error {
	var hosts []string
	for _, match := range hostKey.FindAllStringSubmatch(toml, -1) {
		more, err := fluxconf.ExpandHosts(match[1])
		if err != nil {
			return err
		}
		hosts = append(hosts, more...)
	}
	if len(hosts) == 0 {
		return nil
	}
	b.size, b.hosts = int32(len(hosts)), hosts
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	name, _, _ = strings.Cut(name, ".")
	rank := slices.Index(hosts, name)
	if rank < 0 && os.Getenv("FLUX_STANDIN_RANK") == "" {
		return fmt.Errorf("bootstrap.hosts does not have the host %s, and FLUX_STANDIN_RANK is not set", name)
	}
	b.rank = int32(max(rank, 0))
	return nil
}

// readR reads the number of ranks and of the cores of each.
func (b *setup) readR(path string) error {
	var r struct {
		Execution struct {
			Lite []struct {
				Rank     idset.Set `json:"rank"`
				Children struct {
					Core idset.Set `json:"core"`
					GPU  idset.Set `json:"gpu"`
				} `json:"children"`
			} `json:"R_lite"`
			NodeList []string `json:"nodelist"`
		} `json:"execution"`
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var ranks idset.Set
	for _, each := range r.Execution.Lite {
		ranks = ranks.Union(each.Rank)
		b.cores, b.gpus = int32(each.Children.Core.Len()), int32(each.Children.GPU.Len())
	}
	if ranks.Len() == 0 || b.cores == 0 {
		return fmt.Errorf("%s has no ranks with cores", path)
	}
	b.size, b.hosts = int32(ranks.Len()), nil
	for _, list := range r.Execution.NodeList {
		hosts, err := fluxconf.ExpandHosts(list)
		if err != nil {
			return fmt.Errorf("%s: the stand-in for Flux does not play this list: %w", path, err)
		}
		b.hosts = append(b.hosts, hosts...)
	}
	return nil
}
