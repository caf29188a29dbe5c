package controller

// The operator's access rules, made into operator/rbac by "go generate". get is
// not needed for what the caches read (list and watch do), but for Jobs and
// Services: a live read before creation finds objects of other owners, which
// bear no label of ours and are therefore in no cache.
//
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters,verbs=list;watch
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/status,verbs=patch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch
//
// Owner references with blockOwnerDeletion need this where the admission plugin
// OwnerReferencesPermissionEnforcement is on.
// +kubebuilder:rbac:groups=flux-framework.org,resources=miniclusters/finalizers,verbs=update
//
// Leader election.
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=system,resources=leases,verbs=get;create;update
