package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gopherlocks/gopherlocks/components"
)

// listKey is the key of the list of MiniClusters.
const listKey = "miniClusters"

// description is what is read of one MiniCluster. With the tag of each field it has its
// key: of the stack, and of each entry in the list of MiniClusters.
type description struct {
	MiniCluster
	Autoscales bool       `pulumi:"autoscale"`
	ScalesBy   autoscaler `pulumi:"autoscaler"`
	// Those of ScalesBy are in force where Autoscales says so.
	components.AutoscaleArgs
	components.QueueAutoscaleArgs

	// choosesAutoscaler says that this place of the configuration has the key ScalesBy.
	choosesAutoscaler bool
}

// autoscaler is [components.AutoscalerCPU] or [components.AutoscalerQueue]; empty where
// neither could be read.
type autoscaler string

var fields = fieldsOf[description]()

// set gives a field its value, and keeps in mind whether it has one.
func (p *parser) set(d *description, f field, v value) {
	before := len(p.errs)
	p.read(f.of(d), v)
	d.malformed = maps.Clone(d.malformed) // an entry shares it with the stack's own
	d.malformed[f.key] = len(p.errs) > before
}

// miniCluster is what the description says.
func (d description) miniCluster() MiniCluster {
	switch {
	case !d.Autoscales:
		d.autoscalerOff = d.choosesAutoscaler && d.ScalesBy == components.AutoscalerQueue
	case d.ScalesBy == components.AutoscalerCPU:
		d.Autoscale = &d.AutoscaleArgs
	case d.ScalesBy == components.AutoscalerQueue:
		d.QueueAutoscale = &d.QueueAutoscaleArgs
	}
	return d.MiniCluster
}

// own reads the MiniCluster that the stack's own keys describe.
func (p *parser) own() description {
	own := description{MiniCluster: MiniCluster{malformed: map[string]bool{}}}
	for _, f := range fields {
		p.set(&own, f, p.key(f.key))
	}
	own.choosesAutoscaler = true
	return own
}

// miniClusters reads the list, whose entries take from the stack's own keys
// what they do not say themselves; or without a list the one MiniCluster that
// those keys describe.
func (p *parser) miniClusters(own description) []MiniCluster {
	list := p.key(listKey)
	if list.text == "" {
		return []MiniCluster{own.miniCluster()}
	}
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(list.text), &entries); err != nil {
		p.fail(list, `a list such as [{"name": "a", "maxSize": 4}]`)
	}
	if len(entries) == 0 {
		return []MiniCluster{own.miniCluster()}
	}
	all := make([]MiniCluster, len(entries))
	for i, raw := range entries {
		all[i] = p.entry(fmt.Sprintf("%s[%d]", listKey, i), raw, own).miniCluster()
	}
	return all
}

// entry reads one entry of the list.
func (p *parser) entry(path string, raw json.RawMessage, own description) description {
	d := own
	d.path = path + "."
	// Each entry has a name of its own: with the stack's, those without one would also
	// be refused as duplicates of each other.
	d.Name = ""
	d.choosesAutoscaler = false
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		p.fail(value{path: "gopherlocks:" + path, text: string(raw)}, `an object such as {"name": "a", "maxSize": 4}`)
		d.malformed = maps.Clone(d.malformed)
		d.malformed["name"] = true
		return d
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.key)
		if raw, ok := given[f.key]; ok {
			p.set(&d, f, element("gopherlocks:"+d.path+f.key, raw))
			d.choosesAutoscaler = d.choosesAutoscaler || f.key == "autoscaler"
		}
	}
	p.refuseUnknown("gopherlocks:"+d.path, "a field of a MiniCluster", slices.Collect(maps.Keys(given)), known)
	return d
}
