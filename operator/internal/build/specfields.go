package build

import (
	"reflect"
	"slices"
	"strconv"
	"sync"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// The API server gives an operator all fields of a spec, and one that does not know a field
// leaves it out. The hash of such a spec is another one than that of the newer operator which
// has made the Job, although nothing has changed. Fields are only ever added, so that their
// number tells which operator is the newer one.

// knownFields is the number of fields of a spec, those of Kubernetes' types included.
var knownFields = sync.OnceValue(func() int { return countFields(reflect.TypeFor[api.MiniClusterSpec](), nil) })

// countFields counts those of a type and of the types in it, but for types that it is in
// itself.
func countFields(t reflect.Type, within []reflect.Type) (count int) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
		return countFields(t.Elem(), within)
	case reflect.Struct:
	default:
		return 0
	}
	if slices.Contains(within, t) {
		return 0
	}
	within = append(within, t)
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() {
			count += 1 + countFields(field.Type, within)
		}
	}
	return count
}

// IsMadeByNewer tells whether an operator that knows more fields of a spec has made the Job.
func IsMadeByNewer(job *batchv1.Job) bool {
	known, err := strconv.Atoi(job.Annotations[api.AnnotationSpecFields])
	return err == nil && known > knownFields()
}
