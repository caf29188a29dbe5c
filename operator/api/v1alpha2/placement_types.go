package v1alpha2

// Policies of Placement.
const (
	// PlacementSpread prefers nodes without another rank of the MiniCluster, and
	// puts several on a node where there are not enough. It is the default.
	PlacementSpread = "Spread"
	// PlacementOnePerNode demands a node without another rank; a rank that finds
	// none waits for one.
	PlacementOnePerNode = "OnePerNode"
	// PlacementAny leaves the choice of nodes to the scheduler alone.
	PlacementAny = "Any"
)

// Placement is how ranks are laid out over the nodes that they may run on.
//
// +kubebuilder:validation:XValidation:rule="rules/placement.yaml"
type Placement struct {
	// policy is Spread, OnePerNode or Any. Spread prefers nodes without another
	// rank of the MiniCluster. OnePerNode demands them: a rank that finds none
	// waits, and the condition Progressing says so. Any leaves the choice to the
	// scheduler. Default: Spread, or Any with network.disableAffinity.
	//
	// +optional
	// +kubebuilder:validation:Enum="";Spread;OnePerNode;Any
	Policy string `json:"policy,omitempty"`

	// topologyKey is the node label over whose values Spread spreads first, such
	// as topology.kubernetes.io/zone; within one value it spreads over nodes.
	// Default: kubernetes.io/hostname, the nodes alone.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=317
	TopologyKey string `json:"topologyKey,omitempty"`
}
