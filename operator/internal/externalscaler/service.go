package externalscaler

import (
	"context"

	"google.golang.org/grpc"
)

// serviceName is that of KEDA's protocol.
const serviceName = "externalscaler.ExternalScaler"

// Scaler answers KEDA. Errors are best those of package status of gRPC.
type Scaler interface {
	IsActive(context.Context, *ScaledObjectRef) (*IsActiveResponse, error)
	// StreamIsActive sends whether there is anything to scale for, at first and whenever
	// that changes, until the context is done.
	StreamIsActive(ctx context.Context, object *ScaledObjectRef, send func(*IsActiveResponse) error) error
	GetMetricSpec(context.Context, *ScaledObjectRef) (*GetMetricSpecResponse, error)
	GetMetrics(context.Context, *GetMetricsRequest) (*GetMetricsResponse, error)
}

// NewServer returns a server of gRPC for the scaler.
func NewServer(scaler Scaler, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, grpc.ForceServerCodecV2(Codec))...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*Scaler)(nil),
		Methods: []grpc.MethodDesc{
			unary("IsActive", Scaler.IsActive),
			unary("GetMetricSpec", Scaler.GetMetricSpec),
			unary("GetMetrics", Scaler.GetMetrics),
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "StreamIsActive", ServerStreams: true,
			Handler: func(service any, stream grpc.ServerStream) error {
				var object ScaledObjectRef
				if err := stream.RecvMsg(&object); err != nil {
					return err
				}
				return service.(Scaler).StreamIsActive(stream.Context(), &object, func(response *IsActiveResponse) error {
					return stream.SendMsg(response)
				})
			},
		}},
	}, scaler)
	return server
}

// unary is a method of one request and one answer.
func unary[Request, Response any](name string, call func(Scaler, context.Context, *Request) (*Response, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(service any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			request := new(Request)
			if err := decode(request); err != nil {
				return nil, err
			}
			handle := func(ctx context.Context, request any) (any, error) {
				return call(service.(Scaler), ctx, request.(*Request))
			}
			if interceptor == nil {
				return handle(ctx, request)
			}
			return interceptor(ctx, request, &grpc.UnaryServerInfo{Server: service, FullMethod: "/" + serviceName + "/" + name}, handle)
		},
	}
}
