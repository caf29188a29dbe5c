// Package externalscaler speaks KEDA's protocol for external scalers: gRPC, with a few
// small messages that are written here by hand, so that no compiler of protocols is needed.
// Source: pkg/scalers/externalscaler/externalscaler.proto of github.com/kedacore/keda.
package externalscaler

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Message is one that is sent or received.
type Message interface {
	marshal() []byte
	unmarshal([]byte) error
}

// ScaledObjectRef says what is scaled, and what its user has written for the scaler.
type ScaledObjectRef struct {
	Name, Namespace string
	Metadata        map[string]string
}

// IsActiveResponse says whether there is anything to scale for.
type IsActiveResponse struct{ Result bool }

// MetricSpec is a metric, and how much of it there is to be for each replica.
type MetricSpec struct {
	Name   string
	Target float64
}

// GetMetricSpecResponse names the metrics.
type GetMetricSpecResponse struct{ Specs []MetricSpec }

// GetMetricsRequest asks for the value of a metric.
type GetMetricsRequest struct {
	Object ScaledObjectRef
	Metric string
}

// MetricValue is the value of a metric.
type MetricValue struct {
	Name  string
	Value float64
}

// GetMetricsResponse tells the values.
type GetMetricsResponse struct{ Values []MetricValue }

// field is what is given to the reader of a message: bytes, or a number.
type field struct {
	number protowire.Number
	bytes  []byte
	value  uint64
}

// each reads the fields of a message, in their order, also those that it does not know.
func each(data []byte, read func(field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := read(f); err != nil {
			return err
		}
	}
	return nil
}

func appendText(data []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(data, number, protowire.BytesType), text)
}

func appendMessage(data []byte, number protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(data, number, protowire.BytesType), message)
}

// appendNumber writes the number as a double at one field and, for KEDA of old, as a whole
// one at the field before it.
func appendNumber(data []byte, whole, double protowire.Number, value float64) []byte {
	data = protowire.AppendVarint(protowire.AppendTag(data, whole, protowire.VarintType), uint64(int64(math.Ceil(value))))
	return protowire.AppendFixed64(protowire.AppendTag(data, double, protowire.Fixed64Type), math.Float64bits(value))
}

func (m *ScaledObjectRef) marshal() []byte {
	data := appendText(appendText(nil, 1, m.Name), 2, m.Namespace)
	for key, value := range m.Metadata {
		data = appendMessage(data, 3, appendText(appendText(nil, 1, key), 2, value))
	}
	return data
}

func (m *ScaledObjectRef) unmarshal(data []byte) error {
	*m = ScaledObjectRef{Metadata: map[string]string{}}
	return each(data, func(f field) error {
		switch f.number {
		case 1:
			m.Name = string(f.bytes)
		case 2:
			m.Namespace = string(f.bytes)
		case 3:
			var entry [3]string // by the numbers of key and value
			err := each(f.bytes, func(f field) error {
				if f.number < 3 {
					entry[f.number] = string(f.bytes)
				}
				return nil
			})
			m.Metadata[entry[1]] = entry[2]
			return err
		}
		return nil
	})
}

func (m *IsActiveResponse) marshal() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), protowire.EncodeBool(m.Result))
}

func (m *IsActiveResponse) unmarshal(data []byte) error {
	*m = IsActiveResponse{}
	return each(data, func(f field) error {
		if f.number == 1 {
			m.Result = protowire.DecodeBool(f.value)
		}
		return nil
	})
}

func (m *GetMetricSpecResponse) marshal() []byte {
	var data []byte
	for _, spec := range m.Specs {
		data = appendMessage(data, 1, appendNumber(appendText(nil, 1, spec.Name), 2, 3, spec.Target))
	}
	return data
}

func (m *GetMetricSpecResponse) unmarshal(data []byte) error {
	*m = GetMetricSpecResponse{}
	return namedNumbers(data, func(name string, number float64) { m.Specs = append(m.Specs, MetricSpec{name, number}) })
}

// namedNumbers reads messages of a name and a number: specs and values are alike.
func namedNumbers(data []byte, add func(string, float64)) error {
	return each(data, func(f field) error {
		if f.number != 1 {
			return nil
		}
		var name string
		var number float64
		err := each(f.bytes, func(f field) error {
			switch f.number {
			case 1:
				name = string(f.bytes)
			case 3:
				number = math.Float64frombits(f.value)
			}
			return nil
		})
		add(name, number)
		return err
	})
}

func (m *GetMetricsRequest) marshal() []byte {
	return appendText(appendMessage(nil, 1, m.Object.marshal()), 2, m.Metric)
}

func (m *GetMetricsRequest) unmarshal(data []byte) error {
	*m = GetMetricsRequest{}
	return each(data, func(f field) error {
		switch f.number {
		case 1:
			return m.Object.unmarshal(f.bytes)
		case 2:
			m.Metric = string(f.bytes)
		}
		return nil
	})
}

func (m *GetMetricsResponse) marshal() []byte {
	var data []byte
	for _, value := range m.Values {
		data = appendMessage(data, 1, appendNumber(appendText(nil, 1, value.Name), 2, 3, value.Value))
	}
	return data
}

func (m *GetMetricsResponse) unmarshal(data []byte) error {
	*m = GetMetricsResponse{}
	return namedNumbers(data, func(name string, number float64) { m.Values = append(m.Values, MetricValue{name, number}) })
}

// Codec writes and reads the messages of this package. It has the name of the codec that it
// stands for, which requests bear.
var Codec encoding.CodecV2 = codec{}

type codec struct{}

func (codec) Name() string { return "proto" }

var errStrange = errors.New("it is no message of KEDA's external scalers")

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(Message)
	if !ok {
		return nil, fmt.Errorf("encode %T: %w", v, errStrange)
	}
	return mem.BufferSlice{mem.SliceBuffer(message.marshal())}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(Message)
	if !ok {
		return fmt.Errorf("decode %T: %w", v, errStrange)
	}
	return message.unmarshal(data.Materialize())
}
