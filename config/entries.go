package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// listKey is the key of the list of MiniClusters.
const listKey = "miniClusters"

// fields are what describes a MiniCluster: keys of the stack, and fields of
// each entry in the list of MiniClusters.
var fields = []struct {
	name string
	set  func(*parser, *MiniCluster, value)
}{
	{"name", func(p *parser, m *MiniCluster, v value) { m.Name = p.text(v) }},
	{"namespace", func(p *parser, m *MiniCluster, v value) { m.Namespace = p.text(v) }},
	{"size", func(p *parser, m *MiniCluster, v value) { m.Size = p.optionalInteger(v) }},
	{"minSize", func(p *parser, m *MiniCluster, v value) { m.MinSize = p.integer(v) }},
	{"maxSize", func(p *parser, m *MiniCluster, v value) { m.MaxSize = p.integer(v) }},
	{"autoscale", func(p *parser, m *MiniCluster, v value) { m.Autoscale = p.boolean(v) }},
	{"cpuTarget", func(p *parser, m *MiniCluster, v value) { m.CPUTarget = p.integer(v) }},
	{"scaleDownStabilization", func(p *parser, m *MiniCluster, v value) { m.ScaleDownStabilization = p.integer(v) }},
	{"flux", func(p *parser, m *MiniCluster, v value) { m.Flux = p.boolean(v) }},
	{"image", func(p *parser, m *MiniCluster, v value) { m.Image = p.text(v) }},
	{"command", func(p *parser, m *MiniCluster, v value) { m.Command = p.text(v) }},
	{"resources", func(p *parser, m *MiniCluster, v value) { m.Resources = p.resources(v) }},
	{"selfScaling", func(p *parser, m *MiniCluster, v value) { m.SelfScaling = p.boolean(v) }},
	{"drainTimeoutSeconds", func(p *parser, m *MiniCluster, v value) { m.DrainTimeoutSeconds = p.optionalInteger(v) }},
	{"placement", func(p *parser, m *MiniCluster, v value) { m.Placement = p.text(v) }},
	{"topologyKey", func(p *parser, m *MiniCluster, v value) { m.TopologyKey = p.text(v) }},
	{"imagePullSecret", func(p *parser, m *MiniCluster, v value) { m.ImagePullSecret = p.text(v) }},
	{"protect", func(p *parser, m *MiniCluster, v value) { m.Protect = p.boolean(v) }},
}

// own reads the MiniCluster that the stack's own keys describe.
func (p *parser) own() MiniCluster {
	own := MiniCluster{malformed: map[string]bool{}}
	for _, field := range fields {
		p.set(&own, field.name, field.set, p.key(field.name))
	}
	return own
}

// miniClusters reads the list, whose entries take from the stack's own keys
// what they do not say themselves; or without a list the one MiniCluster that
// those keys describe.
func (p *parser) miniClusters(own MiniCluster) []MiniCluster {
	list := p.key(listKey)
	if list.text == "" {
		return []MiniCluster{own}
	}
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(list.text), &entries); err != nil {
		p.fail(list, `a list such as [{"name": "a", "maxSize": 4}]`)
	}
	if len(entries) == 0 {
		return []MiniCluster{own}
	}
	all := make([]MiniCluster, len(entries))
	for i, raw := range entries {
		all[i] = p.entry(fmt.Sprintf("%s[%d]", listKey, i), raw, own)
	}
	return all
}

// set gives a field its value, and keeps in mind whether it has one.
func (p *parser) set(m *MiniCluster, name string, set func(*parser, *MiniCluster, value), v value) {
	before := len(p.errs)
	set(p, m, v)
	m.malformed = maps.Clone(m.malformed) // an entry shares it with the stack's own
	m.malformed[name] = len(p.errs) > before
}

// entry reads one entry of the list.
func (p *parser) entry(path string, raw json.RawMessage, own MiniCluster) MiniCluster {
	m := own
	m.path = path + "."
	// One that is not named would be a duplicate of the next that is not.
	m.Name = ""
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		p.fail(value{path: "gopherlocks:" + path, text: string(raw)}, `an object such as {"name": "a", "maxSize": 4}`)
		m.malformed = maps.Clone(m.malformed)
		m.malformed["name"] = true
		return m
	}
	var known []string
	for _, field := range fields {
		known = append(known, field.name)
		if raw, ok := given[field.name]; ok {
			p.set(&m, field.name, field.set, element("gopherlocks:"+m.path+field.name, raw))
		}
	}
	p.refuseUnknown("gopherlocks:"+m.path, "a field of a MiniCluster", slices.Collect(maps.Keys(given)), known)
	return m
}
