package config

import (
	"fmt"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// field is a field of a struct that the configuration sets: its tag is the key.
type field struct {
	key   string
	index []int
}

func fieldsOf[T any]() (found []field) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if key, tagged := f.Tag.Lookup("pulumi"); tagged {
			found = append(found, field{key, f.Index})
		}
	}
	return found
}

// of returns a pointer to the field of a struct that a pointer leads to.
func (f field) of(pointer any) any {
	return reflect.ValueOf(pointer).Elem().FieldByIndex(f.index).Addr().Interface()
}

// read reads a value as the type that a pointer leads to.
func (p *parser) read(pointer any, v value) {
	switch to := pointer.(type) {
	case *string:
		*to = p.text(v)
	case *pulumi.StringInput:
		*to = pulumi.String(p.text(v))
	case *int:
		*to = p.integer(v)
	case **int:
		*to = p.optionalInteger(v)
	case *bool:
		*to = p.boolean(v)
	case *autoscaler:
		*to = p.autoscaler(v)
	case *map[string]map[string]string:
		*to = p.resources(v)
	default:
		panic(fmt.Sprintf("%s: no value is read as a %T", v.path, to))
	}
}
