package pack

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gopherlocks/gopherlocks/policies/rules"
	"github.com/gopherlocks/gopherlocks/version"
)

// server translates between Pulumi's analyzer protocol and the policies.
type server struct {
	pulumirpc.UnimplementedAnalyzerServer
	policies *policies
}

var _ pulumirpc.AnalyzerServer = (*server)(nil)

// healthInterval is how often to look whether Pulumi is still there.
const healthInterval = 5 * time.Second

// Serve serves the pack on a port of this machine until ctx is done. It writes the
// port to out, as Pulumi expects: nothing else may be written there. engine is
// Pulumi's address. Serve ends when nothing listens there any more: a killed Pulumi
// must not leave the pack behind. If engine is empty, Serve does not look.
func Serve(ctx context.Context, out io.Writer, engine string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, healthInterval, cancel); err != nil {
			return fmt.Errorf("reach Pulumi at %s: %w", engine, err)
		}
	}
	stop := make(chan bool)
	context.AfterFunc(ctx, func() { close(stop) })
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(s *grpc.Server) error {
			pulumirpc.RegisterAnalyzerServer(s, &server{policies: newPolicies()})
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("serve the policy pack: %w", err)
	}
	fmt.Fprintln(out, handle.Port)
	return <-handle.Done
}

// Handshake has nothing to agree upon.
func (*server) Handshake(context.Context, *pulumirpc.AnalyzerHandshakeRequest) (*pulumirpc.AnalyzerHandshakeResponse, error) {
	return &pulumirpc.AnalyzerHandshakeResponse{}, nil
}

// GetPluginInfo tells the version of the pack.
func (*server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// GetAnalyzerInfo describes the policies and their configuration.
func (*server) GetAnalyzerInfo(context.Context, *emptypb.Empty) (*pulumirpc.AnalyzerInfo, error) {
	info := &pulumirpc.AnalyzerInfo{
		Name: Name, DisplayName: "Gopherlocks", Version: version.Version, SupportsConfig: true,
		Description: "Rules about MiniClusters and their autoscalers.",
	}
	for _, rule := range rules.All() {
		schema, err := configSchema(rule)
		if err != nil {
			return nil, err
		}
		info.Policies = append(info.Policies, &pulumirpc.PolicyInfo{
			Name: rule.Name, Description: rule.Description,
			EnforcementLevel: toWire(rule.Level), ConfigSchema: schema,
		})
	}
	return info, nil
}

func configSchema(rule rules.Rule) (*pulumirpc.PolicyConfigSchema, error) {
	if len(rule.Options) == 0 {
		return nil, nil
	}
	properties := map[string]any{}
	for _, option := range rule.Options {
		properties[option.Name] = option.Schema
	}
	encoded, err := structpb.NewStruct(properties)
	if err != nil {
		return nil, fmt.Errorf("schema of policy %s: %w", rule.Name, err)
	}
	return &pulumirpc.PolicyConfigSchema{Properties: encoded}, nil
}

// Configure sets levels and options. Pulumi has filled in defaults and checked the
// options by their schemas, but does not refuse unknown names.
func (s *server) Configure(_ context.Context, request *pulumirpc.ConfigureAnalyzerRequest) (*emptypb.Empty, error) {
	for name, config := range request.GetPolicyConfig() {
		err := s.policies.configure(name, fromWire(config.GetEnforcementLevel()), config.GetProperties().AsMap())
		if err != nil {
			return nil, err
		}
	}
	return &emptypb.Empty{}, nil
}

// ConfigureStack tells the configuration of the stack.
func (s *server) ConfigureStack(_ context.Context, request *pulumirpc.AnalyzerStackConfigureRequest) (*pulumirpc.AnalyzerStackConfigureResponse, error) {
	s.policies.setConfig(request.GetConfig())
	return &pulumirpc.AnalyzerStackConfigureResponse{}, nil
}

// Analyze judges a resource before it is made or changed.
func (s *server) Analyze(_ context.Context, request *pulumirpc.AnalyzeRequest) (*pulumirpc.AnalyzeResponse, error) {
	r, _, err := readRequest(request)
	if err != nil {
		return nil, err
	}
	return response(s.policies.analyze(r)), nil
}

// AnalyzeStack judges the stack at the end of a preview or update.
func (s *server) AnalyzeStack(_ context.Context, request *pulumirpc.AnalyzeStackRequest) (*pulumirpc.AnalyzeResponse, error) {
	var resources []rules.Resource
	for _, r := range request.GetResources() {
		outputs, err := decode(r.GetProperties())
		if err != nil {
			return nil, err
		}
		resources = append(resources, rules.Resource{
			URN: r.GetUrn(), Type: r.GetType(), Parent: r.GetParent(),
			Outputs: plainMap(outputs), IgnoreChanges: r.GetOptions().GetIgnoreChanges(),
		})
	}
	return response(s.policies.analyzeStack(resources)), nil
}

// Remediate corrects the inputs of a resource if a policy says so.
func (s *server) Remediate(_ context.Context, request *pulumirpc.AnalyzeRequest) (*pulumirpc.RemediateResponse, error) {
	r, properties, err := readRequest(request)
	if err != nil {
		return nil, err
	}
	rule, corrections := s.policies.correct(r)
	if len(corrections) == 0 {
		return &pulumirpc.RemediateResponse{}, nil
	}
	for _, c := range corrections {
		properties = correct(properties, c)
	}
	encoded, err := encode(properties)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.RemediateResponse{Remediations: []*pulumirpc.Remediation{{
		PolicyName: rule.Name, Description: rule.Description,
		PolicyPackName: Name, PolicyPackVersion: version.Version, Properties: encoded,
	}}}, nil
}

// Cancel has nothing to interrupt.
func (*server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func readRequest(request *pulumirpc.AnalyzeRequest) (rules.Resource, resource.PropertyMap, error) {
	inputs, err := decode(request.GetProperties())
	if err != nil {
		return rules.Resource{}, nil, err
	}
	return rules.Resource{
		URN: request.GetUrn(), Type: request.GetType(), Parent: request.GetOptions().GetParent(),
		Inputs: plainMap(inputs), IgnoreChanges: request.GetOptions().GetIgnoreChanges(),
	}, inputs, nil
}

// response shows a finding as its rule, its message, and its reason for programs.
func response(found []diagnostic) *pulumirpc.AnalyzeResponse {
	answer := &pulumirpc.AnalyzeResponse{}
	for _, d := range found {
		answer.Diagnostics = append(answer.Diagnostics, &pulumirpc.AnalyzeDiagnostic{
			PolicyName: d.rule.Name, PolicyPackName: Name, PolicyPackVersion: version.Version,
			Description: d.rule.Description, Urn: d.URN, EnforcementLevel: toWire(d.level),
			Message: fmt.Sprintf("%s\n%s (%s)", d.rule.Description, d.Message, d.Reason),
		})
	}
	return answer
}

// levels are Pulumi's words for the levels.
var levels = map[rules.Level]pulumirpc.EnforcementLevel{
	rules.Advisory:  pulumirpc.EnforcementLevel_ADVISORY,
	rules.Mandatory: pulumirpc.EnforcementLevel_MANDATORY,
	rules.Remediate: pulumirpc.EnforcementLevel_REMEDIATE,
	rules.Disabled:  pulumirpc.EnforcementLevel_DISABLED,
}

func toWire(level rules.Level) pulumirpc.EnforcementLevel { return levels[level] }

func fromWire(level pulumirpc.EnforcementLevel) rules.Level {
	for ours, theirs := range levels {
		if theirs == level {
			return ours
		}
	}
	return rules.Mandatory // A level that we do not know: too strict is better than too lax.
}
