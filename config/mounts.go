package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gopherlocks/gopherlocks/components"
)

// mountsKey is the key of the list of mounts.
const mountsKey = "kindMounts"

var mountFields = fieldsOf[components.KindMount]()

// kindMounts reads the list of mounts, which may be missing.
func (p *parser) kindMounts() []components.KindMount {
	list := p.key(mountsKey)
	if list.text == "" {
		return nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal([]byte(list.text), &entries); err != nil {
		p.fail(list, `a list such as [{"hostPath": "/data"}]`)
	}
	var mounts []components.KindMount
	for i, raw := range entries {
		if mount, ok := p.kindMount(mountPath(i), raw); ok {
			mounts = append(mounts, mount)
		}
	}
	return mounts
}

func mountPath(i int) string { return fmt.Sprintf("%s[%d]", mountsKey, i) }

func (p *parser) kindMount(at string, raw json.RawMessage) (m components.KindMount, ok bool) {
	before := len(p.errs)
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		p.fail(value{path: "gopherlocks:" + at, text: string(raw)}, `an object such as {"hostPath": "/data"}`)
		return m, false
	}
	var known []string
	for _, f := range mountFields {
		known = append(known, f.key)
		if raw, there := given[f.key]; there {
			p.read(f.of(&m), element("gopherlocks:"+at+"."+f.key, raw))
		}
	}
	p.refuseUnknown("gopherlocks:"+at+".", "a field of a mount", slices.Collect(maps.Keys(given)), known)
	if m.ContainerPath == "" {
		m.ContainerPath = m.HostPath
	}
	return m, len(p.errs) == before
}

// checkKindMounts looks at the paths alone: the machine of the container engine
// may be another one than this.
func checkKindMounts(mounts []components.KindMount) (errs []error) {
	first := map[string]int{}
	for i, m := range mounts {
		at := mountPath(i)
		switch {
		case m.HostPath == "":
			errs = append(errs, invalid(at+".hostPath", "is not set; give the absolute path of a file or folder of the machine"))
			continue
		case !path.IsAbs(m.HostPath):
			errs = append(errs, invalid(at+".hostPath", "%q must be an absolute path", m.HostPath))
			continue
		case !path.IsAbs(m.ContainerPath):
			errs = append(errs, invalid(at+".containerPath", "%q must be an absolute path", m.ContainerPath))
			continue
		}
		target := path.Clean(m.ContainerPath)
		if other, there := first[target]; there {
			errs = append(errs, invalid(at+".containerPath", "%q is that of %s too; each mount has a path of its own in the nodes", m.ContainerPath, mountPath(other)))
			continue
		}
		first[target] = i
	}
	return errs
}
