package pack

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gopherlocks/gopherlocks/policies/rules"
)

// wire says how properties are sent: what is unknown or secret stays so.
var wire = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}

func decode(properties *structpb.Struct) (resource.PropertyMap, error) {
	decoded, err := plugin.UnmarshalProperties(properties, wire)
	if err != nil {
		return nil, fmt.Errorf("decode properties: %w", err)
	}
	return decoded, nil
}

func encode(properties resource.PropertyMap) (*structpb.Struct, error) {
	encoded, err := plugin.MarshalProperties(properties, wire)
	if err != nil {
		return nil, fmt.Errorf("encode properties: %w", err)
	}
	return encoded, nil
}

// plainMap turns properties into the values that rules read.
func plainMap(properties resource.PropertyMap) map[string]any {
	all := make(map[string]any, len(properties))
	for key, value := range properties {
		all[string(key)] = plain(value)
	}
	return all
}

// plain turns a property into a value that rules read. No rule looks at assets and
// references to resources: they become the name of their type.
func plain(value resource.PropertyValue) any {
	switch {
	case value.IsNull():
		return nil
	case value.IsBool():
		return value.BoolValue()
	case value.IsNumber():
		return value.NumberValue()
	case value.IsString():
		return value.StringValue()
	case value.IsArray():
		list := make([]any, 0, len(value.ArrayValue()))
		for _, item := range value.ArrayValue() {
			list = append(list, plain(item))
		}
		return list
	case value.IsObject():
		return plainMap(value.ObjectValue())
	case value.IsComputed():
		return rules.Unknown{}
	case value.IsSecret():
		return rules.Secret{Value: plain(value.SecretValue().Element)}
	case value.IsOutput():
		return plainOutput(value.OutputValue())
	default:
		return value.TypeString()
	}
}

func plainOutput(output resource.Output) any {
	var value any = rules.Unknown{}
	if output.Known {
		value = plain(output.Element)
	}
	if output.Secret {
		return rules.Secret{Value: value}
	}
	return value
}

// correct returns the properties with a number changed; what was secret stays
// secret. It shares the rest with the original.
func correct(properties resource.PropertyMap, c rules.Correction) resource.PropertyMap {
	return replace(resource.NewProperty(properties), c.Path, float64(c.Value)).ObjectValue()
}

func replace(value resource.PropertyValue, path []string, number float64) resource.PropertyValue {
	switch {
	case value.IsSecret():
		return resource.MakeSecret(replace(value.SecretValue().Element, path, number))
	case value.IsOutput():
		output := value.OutputValue()
		output.Element = replace(output.Element, path, number)
		return resource.NewProperty(output)
	case len(path) == 0:
		return resource.NewProperty(number)
	}
	changed := resource.PropertyMap{}
	if value.IsObject() {
		changed = value.ObjectValue().Copy()
	}
	key := resource.PropertyKey(path[0])
	changed[key] = replace(changed[key], path[1:], number)
	return resource.NewProperty(changed)
}
