package crdtest

import "github.com/gopherlocks/gopherlocks/operator/bounds"

// MiniCluster returns one with these sizes as the API server sees it, with its
// defaults set. Maxima that are not set are left out, or written as 0.
func MiniCluster(s bounds.Sizes, zeroIsWritten bool) map[string]any {
	spec := map[string]any{
		"size":       int64(s.Size),
		"minSize":    int64(s.MinSize),
		"containers": []any{map[string]any{"image": "example.org/image"}},
	}
	if s.MaxSize != 0 || zeroIsWritten {
		spec["maxSize"] = int64(s.MaxSize)
	}
	object := map[string]any{
		"apiVersion": "flux-framework.org/v1alpha2",
		"kind":       "MiniCluster",
		"metadata":   map[string]any{"name": "sample"},
		"spec":       spec,
	}
	status := map[string]any{}
	if s.MaximumSize != 0 || zeroIsWritten {
		status["maximumSize"] = int64(s.MaximumSize)
	}
	if len(status) > 0 || zeroIsWritten {
		object["status"] = status
	}
	return object
}

// Before returns the MiniCluster that one with these sizes replaces, of another
// size and another maxSize: nil without a live size, since it has not been seen
// then.
func Before(s bounds.Sizes, zeroIsWritten bool) map[string]any {
	if s.LiveSize == 0 {
		return nil
	}
	old := MiniCluster(bounds.Sizes{Size: s.Size + 1, MinSize: 1, MaxSize: s.MaxSize + 1}, zeroIsWritten)
	old["status"] = map[string]any{"size": int64(s.LiveSize)}
	return old
}
