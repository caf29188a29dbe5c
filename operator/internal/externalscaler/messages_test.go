package externalscaler

import (
	"context"
	"errors"
	"net"
	"reflect"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

func TestMessagesAreReadAsTheyAreWritten(t *testing.T) {
	object := ScaledObjectRef{Name: "a", Namespace: "ns", Metadata: map[string]string{"metric": "m", "": ""}}
	for _, message := range []Message{
		&object,
		&IsActiveResponse{Result: true},
		&GetMetricSpecResponse{Specs: []MetricSpec{{"a", 1}, {"b", 0.5}}},
		&GetMetricsRequest{Object: object, Metric: "m"},
		&GetMetricsResponse{Values: []MetricValue{{"m", 3}}},
	} {
		read := reflect.New(reflect.TypeOf(message).Elem()).Interface().(Message)
		if err := read.unmarshal(message.marshal()); err != nil || !reflect.DeepEqual(read, message) {
			t.Errorf("%+v is read as %+v, %v", message, read, err)
		}
	}
}

// TestFieldsOfNewerVersionsAreLeftOut: of each kind that there is on the wire.
func TestFieldsOfNewerVersionsAreLeftOut(t *testing.T) {
	newer := "\x48\x05" + "\x55\x01\x02\x03\x04" + "\x59\x01\x02\x03\x04\x05\x06\x07\x08" + "\x62\x01x"
	var object ScaledObjectRef
	if err := object.unmarshal([]byte("\x0a\x01a" + newer + "\x12\x02ns")); err != nil || object.Name != "a" || object.Namespace != "ns" {
		t.Errorf("%+v, %v", object, err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add((&GetMetricsRequest{Object: ScaledObjectRef{Name: "a", Metadata: map[string]string{"k": "v"}}, Metric: "m"}).marshal())
	f.Add([]byte("\x0a\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, message := range []Message{&ScaledObjectRef{}, &IsActiveResponse{}, &GetMetricSpecResponse{}, &GetMetricsRequest{}, &GetMetricsResponse{}} {
			if err := message.unmarshal(data); err != nil {
				continue
			}
			if err := message.unmarshal(message.marshal()); err != nil {
				t.Errorf("what is written of %q is not read: %v", data, err)
			}
		}
	})
}

// fake answers what it is given to answer.
type fake struct{ err error }

func (f fake) IsActive(_ context.Context, object *ScaledObjectRef) (*IsActiveResponse, error) {
	return &IsActiveResponse{Result: object.Metadata["active"] == "yes"}, f.err
}

func (f fake) StreamIsActive(_ context.Context, _ *ScaledObjectRef, send func(*IsActiveResponse) error) error {
	return errors.Join(send(&IsActiveResponse{}), send(&IsActiveResponse{Result: true}), f.err)
}

func (f fake) GetMetricSpec(context.Context, *ScaledObjectRef) (*GetMetricSpecResponse, error) {
	return &GetMetricSpecResponse{Specs: []MetricSpec{{"m", 2}}}, f.err
}

func (f fake) GetMetrics(_ context.Context, request *GetMetricsRequest) (*GetMetricsResponse, error) {
	return &GetMetricsResponse{Values: []MetricValue{{request.Metric, 4}}}, f.err
}

// connect serves the scaler in memory.
func connect(t *testing.T, scaler Scaler) *grpc.ClientConn {
	t.Helper()
	listener, server := bufconn.Listen(1<<16), NewServer(scaler)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(Codec)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestEachMethodIsServed(t *testing.T) {
	conn := connect(t, fake{})
	object := ScaledObjectRef{Metadata: map[string]string{"active": "yes"}}
	for method, call := range map[string]struct{ request, answer, want any }{
		"IsActive":      {&object, &IsActiveResponse{}, &IsActiveResponse{Result: true}},
		"GetMetricSpec": {&object, &GetMetricSpecResponse{}, &GetMetricSpecResponse{Specs: []MetricSpec{{"m", 2}}}},
		"GetMetrics":    {&GetMetricsRequest{Metric: "x"}, &GetMetricsResponse{}, &GetMetricsResponse{Values: []MetricValue{{"x", 4}}}},
	} {
		if err := conn.Invoke(t.Context(), "/externalscaler.ExternalScaler/"+method, call.request, call.answer); err != nil || !reflect.DeepEqual(call.answer, call.want) {
			t.Errorf("%s: %+v, %v", method, call.answer, err)
		}
	}
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/externalscaler.ExternalScaler/StreamIsActive")
	if err == nil {
		err = errors.Join(stream.SendMsg(&object), stream.CloseSend())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		var got IsActiveResponse
		if err := stream.RecvMsg(&got); err != nil || got.Result != want {
			t.Errorf("the stream tells %+v, %v, want %t", got, err, want)
		}
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	conn := connect(t, fake{status.Error(codes.NotFound, "no such thing")})
	err := conn.Invoke(t.Context(), "/externalscaler.ExternalScaler/IsActive", &ScaledObjectRef{}, &IsActiveResponse{})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
	// KEDA asks for more than there is, and does without.
	err = conn.Invoke(t.Context(), "/externalscaler.ExternalScaler/StreamMetricSpec", &ScaledObjectRef{}, &GetMetricSpecResponse{})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that is not there: %v", err)
	}
}
