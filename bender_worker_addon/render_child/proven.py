# SPDX-License-Identifier: GPL-3.0-or-later
"""Proven: what may change in a scene that Cycles keeps, as `build.py pixels` has found it out and written it here."""


def _kinds(table: str) -> frozenset[str]:
    """`Object: location []` are `Object.location` and `Object[]`, which are properties that people have added."""
    found, owner = set(), ""
    for word in table.split():
        if word.endswith(":"):
            owner = word.removesuffix(":")
        else:
            found.add(f"{owner}{word}" if word == "[]" else f"{owner}.{word}")
    return frozenset(found)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEPT = _kinds("""
    ActionConstraint: mix_mode
    AreaLight: energy shape size spread
    Armature: []
    ArrayModifier: count offset_u offset_v relative_offset_displace use_constant_offset use_merge_vertices
        use_object_offset use_relative_offset
    BevelModifier: harden_normals limit_method
    BezierSplinePoint: co radius tilt
    BlendTexture: progression use_flip_axis
    Bone: bbone_curveinx bbone_curveinz bbone_curveoutx bbone_curveoutz bbone_rollin bbone_rollout bbone_scalein
        bbone_scaleout bbone_segments use_deform use_envelope_multiply use_relative_parent
    BooleanModifier: operation solver
    BuildModifier: frame_duration frame_start seed use_random_order use_reverse
    Camera: clip_end clip_start fisheye_fov fisheye_lens lens ortho_scale panorama_type sensor_fit sensor_width
        shift_x shift_y type []
    CameraDOFSettings: aperture_fstop aperture_ratio focus_distance use_dof
    CastModifier: cast_type factor invert_vertex_group use_transform use_x use_y use_z
    ChildOfConstraint: use_location_x use_location_y use_location_z use_rotation_x use_rotation_y use_rotation_z
        use_scale_x use_scale_y use_scale_z
    CloudsTexture: cloud_type nabla noise_basis noise_depth noise_scale noise_type
    ColorManagedViewSettings: exposure gamma use_white_balance
    ColorRamp: interpolation
    ColorRampElement: color position
    Constraint: enabled influence mute
    CopyLocationConstraint: invert_x invert_y invert_z use_x use_y use_z
    CopyRotationConstraint: invert_x invert_y mix_mode use_offset use_x use_y use_z
    CopyScaleConstraint: power use_make_uniform use_offset use_x use_y
    CorrectiveSmoothModifier: factor invert_vertex_group iterations rest_source scale smooth_type use_only_smooth
        use_pin_boundary
    Curve: bevel_depth bevel_factor_end bevel_factor_start bevel_mode bevel_resolution dimensions extrude fill_mode
        offset render_resolution_v twist_mode twist_smooth use_fill_caps
    CurvePoint: position radius
    CyclesCurveRenderSettings: shape subdivisions
    CyclesLightSettings: use_multiple_importance_sampling
    CyclesObjectSettings: shadow_terminator_offset
    CyclesRenderSettings: blur_glossy caustics_reflective caustics_refractive film_exposure filter_width max_bounces
        min_light_bounces pixel_filter_type sample_clamp_direct sample_offset seed shading_system use_animated_seed
        use_denoising use_fast_gi use_light_tree use_pixel_jitter
    DampedTrackConstraint: track_axis
    DataTransferModifier: data_types_loops
    DecimateModifier: decimate_type ratio
    DisplaceModifier: direction invert_vertex_group mid_level strength texture_coords
    DistortedNoiseTexture: distortion noise_basis noise_distortion noise_scale
    FloorConstraint: floor_location offset use_rotation
    FollowPathConstraint: offset use_curve_follow
    GeometryAttributeConstraint: apply_target_transform data_type domain mix_mode sample_index
    GeometryNodeTree/FunctionNodeAlignEulerToVector: axis pivot_axis
    GeometryNodeTree/FunctionNodeInputBool: boolean
    GeometryNodeTree/FunctionNodeInputColor: value
    GeometryNodeTree/FunctionNodeInputInt: integer
    GeometryNodeTree/FunctionNodeInputRotation: rotation_euler
    GeometryNodeTree/FunctionNodeInputVector: vector
    GeometryNodeTree/FunctionNodeRandomValue: data_type
    GeometryNodeTree/GeometryNodeAccumulateField: domain
    GeometryNodeTree/GeometryNodeDuplicateElements: domain
    GeometryNodeTree/GeometryNodeMeshCircle: fill_type
    GeometryNodeTree/GeometryNodeMeshCone: fill_type
    GeometryNodeTree/GeometryNodeMeshCylinder: fill_type
    GeometryNodeTree/GeometryNodeMeshToPoints: mode
    GeometryNodeTree/GeometryNodeSubdivisionSurface: uv_smooth
    GeometryNodeTree/GeometryNodeTriangulate: quad_method
    GeometryNodeTree/NodeSocketInt: default_value
    GeometryNodeTree/NodeSocketRotation: default_value
    GeometryNodeTree/NodeSocketVector: default_value
    GeometryNodeTree/ShaderNodeMath: operation
    GeometryNodeTree/ShaderNodeMixRGB: blend_type
    GeometryNodeTree/ShaderNodeTexNoise: noise_type normalize
    GreasePencil: stroke_depth_order
    GreasePencilArrayModifier: random_offset random_rotation random_scale relative_offset replace_material
        use_object_offset use_relative_offset
    GreasePencilBuildModifier: use_layer_group_filter
    GreasePencilColorModifier: color_mode hue saturation use_custom_curve value
    GreasePencilDashModifierData: dash_offset
    GreasePencilDashModifierSegment: dash gap material_index opacity radius
    GreasePencilEnvelopeModifier: mat_nr mode skip spread strength thickness
    GreasePencilHookModifier: invert_vertex_group strength
    GreasePencilLayer: blend_mode hide opacity radius_offset rotation scale tint_factor translation use_lights
    GreasePencilLengthModifier: end_factor end_length invert_curvature mode overshoot_factor point_density
        random_end_factor random_start_factor segment_influence start_factor start_length use_curvature
    GreasePencilMirrorModifier: use_axis_x use_axis_y use_axis_z
    GreasePencilMultiplyModifier: distance duplicates offset use_fade
    GreasePencilNoiseModifier: factor factor_strength factor_thickness factor_uvs invert_layer_filter
        invert_layer_pass_filter invert_material_filter invert_material_pass_filter invert_vertex_group
        layer_pass_filter material_pass_filter noise_offset noise_scale open_influence_panel open_random_panel
        random_mode seed step use_custom_curve use_layer_group_filter use_layer_pass_filter use_material_pass_filter
        use_random
    GreasePencilOffsetModifier: location rotation scale stroke_location stroke_rotation stroke_scale
    GreasePencilOpacityModifier: color_factor use_custom_curve
    GreasePencilOutlineModifier: sample_length subdivision thickness use_keep_shape
    GreasePencilShrinkwrapModifier: invert_vertex_group offset smooth_factor smooth_step wrap_method wrap_mode
    GreasePencilSimplifyModifier: mode step
    GreasePencilSmoothModifier: factor step use_edit_position use_edit_thickness use_keep_shape use_smooth_ends
    GreasePencilSubdivModifier: level subdivision_type
    GreasePencilThickModifierData: thickness_factor use_uniform_thickness
    GreasePencilTimeModifier: mode
    GreasePencilTintModifier: color color_mode factor tint_mode use_custom_curve use_weight_as_factor
    GreasePencilTreeNode: hide
    HookModifier: invert_vertex_group strength
    Key: eval_time use_relative []
    KinematicConstraint: use_location use_rotation use_tail
    LaplacianSmoothModifier: invert_vertex_group iterations lambda_border lambda_factor use_normalized
        use_volume_preserve use_x use_y use_z
    Lattice: interpolation_type_u interpolation_type_v interpolation_type_w
    Light: color exposure type use_shadow use_temperature []
    Light/NodeSocketColor: default_value
    Light/NodeSocketFloat: default_value
    Light/NodeSocketVector: default_value
    Light/ShaderNodeMath: operation
    Light/ShaderNodeMixRGB: blend_type
    Light/ShaderNodeNormalMap: space
    Light/ShaderNodeOutputLight: target
    Light/ShaderNodeRadialTiling: normalize
    Light/ShaderNodeTangent: axis
    Light/ShaderNodeTexBrick: offset offset_frequency squash
    Light/ShaderNodeTexCoord: from_instancer
    Light/ShaderNodeTexEnvironment: interpolation
    Light/ShaderNodeTexGradient: gradient_type
    Light/ShaderNodeTexImage: extension interpolation projection
    Light/ShaderNodeTexMagic: turbulence_depth
    Light/ShaderNodeTexNoise: noise_dimensions noise_type normalize
    Light/ShaderNodeTexSky: aerosol_density air_density altitude dust_density ozone_density sky_type sun_elevation
        sun_rotation
    Light/ShaderNodeTexVoronoi: distance feature normalize voronoi_dimensions
    Light/ShaderNodeTexWave: bands_direction wave_profile
    Light/ShaderNodeTexWhiteNoise: noise_dimensions
    Light/ShaderNodeUVMap: from_instancer
    Light/ShaderNodeVectorTransform: convert_from convert_to
    LimitRotationConstraint: use_limit_x use_limit_y use_limit_z
    LimitScaleConstraint: use_max_x use_max_y use_max_z
    MagicTexture: noise_depth turbulence
    MaintainVolumeConstraint: volume
    MarbleTexture: marble_type noise_basis noise_basis_2 noise_depth noise_scale noise_type turbulence
    MaskModifier: invert_vertex_group use_smooth
    Material: pass_index []
    Material/NodeSocketColor: default_value
    Material/NodeSocketFloat: default_value
    Material/NodeSocketVector: default_value
    Material/ShaderNodeAmbientOcclusion: inside only_local samples
    Material/ShaderNodeBevel: samples
    Material/ShaderNodeBsdfAnisotropic: distribution
    Material/ShaderNodeBsdfGlass: distribution
    Material/ShaderNodeBsdfHairPrincipled: parametrization
    Material/ShaderNodeBsdfMetallic: distribution
    Material/ShaderNodeMath: operation
    Material/ShaderNodeMixRGB: blend_type
    Material/ShaderNodeNormalMap: space
    Material/ShaderNodeOutputMaterial: target
    Material/ShaderNodeRadialTiling: normalize
    Material/ShaderNodeRaycast: only_local
    Material/ShaderNodeSubsurfaceScattering: falloff
    Material/ShaderNodeTangent: axis
    Material/ShaderNodeTexBrick: offset offset_frequency squash
    Material/ShaderNodeTexCoord: from_instancer
    Material/ShaderNodeTexEnvironment: interpolation
    Material/ShaderNodeTexGradient: gradient_type
    Material/ShaderNodeTexImage: extension interpolation projection
    Material/ShaderNodeTexMagic: turbulence_depth
    Material/ShaderNodeTexNoise: noise_dimensions noise_type normalize
    Material/ShaderNodeTexSky: aerosol_density air_density altitude dust_density ozone_density sky_type
        sun_elevation sun_rotation sun_size
    Material/ShaderNodeTexVoronoi: distance feature normalize voronoi_dimensions
    Material/ShaderNodeTexWave: bands_direction wave_profile
    Material/ShaderNodeTexWhiteNoise: noise_dimensions
    Material/ShaderNodeUVMap: from_instancer
    Material/ShaderNodeVectorDisplacement: space
    Material/ShaderNodeVectorTransform: convert_from convert_to vector_type
    Material/ShaderNodeWireframe: use_pixel_size
    MaterialGPencilStyle: color fill_color fill_style hide mode use_fill_holdout use_overlap_strokes
        use_stroke_holdout
    Mesh: []
    MeshLoop: vertex_index
    MeshPolygon: use_smooth vertices
    MeshUVLoop: uv
    MeshVertex: co
    MetaBall: render_resolution threshold
    MetaElement: co hide radius rotation stiffness type use_negative
    MirrorModifier: merge_threshold offset_u offset_v use_axis use_bisect_axis use_mirror_u use_mirror_v
    Modifier: show_render use_apply_on_spline
    MusgraveTexture: dimension_max lacunarity musgrave_type noise_basis noise_scale octaves
    NodesModifier: []
    NormalEditModifier: invert_vertex_group mix_factor mix_limit mix_mode
    Object: color delta_location delta_rotation_euler delta_rotation_quaternion delta_scale is_holdout
        is_shadow_catcher location pass_index rotation_axis_angle rotation_euler rotation_quaternion scale
        shadow_terminator_shading_offset show_instancer_for_render use_instance_faces_scale visible_camera
        visible_diffuse visible_glossy visible_shadow []
    OceanModifier: choppiness size time wave_scale
    ParticleSettings: child_length child_radius child_roundness clump_factor kink length_random path_start
        radius_scale render_step rendered_child_count root_radius roughness_1 roughness_2 roughness_endpoint shape
        tip_radius twist use_absolute_path_time use_hair_bspline
    PivotConstraint: rotation_range
    PointLight: energy shadow_soft_size
    PoseBone: bbone_curveinx bbone_curveinz bbone_curveoutx bbone_curveoutz bbone_easein bbone_easeout bbone_rollin
        bbone_rollout bbone_scalein bbone_scaleout ik_stiffness_x ik_stiffness_y ik_stiffness_z ik_stretch location
        lock_ik_x lock_ik_y lock_ik_z rotation_euler rotation_quaternion scale []
    RemeshModifier: adaptivity use_smooth_shade voxel_size
    RenderSettings: film_transparent use_stamp
    Scene: use_nodes []
    ScrewModifier: angle axis iterations render_steps screw_offset use_normal_calculate use_normal_flip
        use_object_screw_offset
    ShapeKey: mute value
    ShapeKeyPoint: co
    ShrinkwrapConstraint: distance shrinkwrap_type use_track_normal wrap_mode
    ShrinkwrapModifier: invert_vertex_group offset wrap_method wrap_mode
    SimpleDeformModifier: angle deform_axis deform_method factor invert_vertex_group limits lock_y lock_z
    SkinModifier: branch_smoothing use_smooth_shade
    SmoothModifier: factor invert_vertex_group iterations use_x use_y use_z
    SolidifyModifier: invert_vertex_group offset solidify_mode thickness thickness_vertex_group use_flip_normals
        use_rim use_rim_only
    Spline: radius_interpolation use_smooth
    SplinePoint: co radius tilt weight
    SpotLight: energy shadow_soft_size spot_blend spot_size
    StretchToConstraint: keep_axis rest_length
    StucciTexture: noise_basis noise_scale noise_type stucci_type turbulence
    SubsurfModifier: quality render_levels subdivision_type use_adaptive_subdivision use_custom_normals
        use_limit_surface uv_smooth
    SunLight: angle energy
    TextBox: x y
    TextCurve: align_x align_y offset_x offset_y shear size space_character use_fast_edit
    Texture: contrast factor_blue factor_green factor_red intensity saturation type use_clamp use_color_ramp
        use_preview_alpha
    TrackToConstraint: use_target_z
    TransformConstraint: map_to to_min_x to_min_y to_min_z
    TriangulateModifier: keep_custom_normals min_vertices quad_method
    UVWarpModifier: offset rotation scale
    ViewLayer: use_pass_ambient_occlusion use_pass_cryptomatte_asset use_pass_cryptomatte_material
        use_pass_cryptomatte_object use_pass_diffuse_color use_pass_diffuse_direct use_pass_diffuse_indirect
        use_pass_emit use_pass_environment use_pass_glossy_color use_pass_glossy_direct use_pass_glossy_indirect
        use_pass_material_index use_pass_mist use_pass_normal use_pass_object_index use_pass_position
        use_pass_transmission_color use_pass_transmission_direct use_pass_transmission_indirect use_pass_z use_sky
    VoronoiTexture: color_mode distance_metric noise_intensity noise_scale weight_1 weight_2 weight_3 weight_4
    WaveModifier: damping_time height invert_vertex_group lifetime narrowness speed start_position_x
        start_position_y texture_coords time_offset use_cyclic use_normal use_normal_x use_normal_y use_normal_z
        use_x use_y width
    WireframeModifier: invert_vertex_group offset thickness thickness_vertex_group use_boundary use_even_offset
        use_relative_offset use_replace
    WoodTexture: noise_basis_2 wood_type
    World: []
    World/NodeSocketFloat: default_value
    World/NodeSocketVector: default_value
    World/ShaderNodeMath: operation
    World/ShaderNodeMixRGB: blend_type
    World/ShaderNodeRadialTiling: normalize
    World/ShaderNodeTangent: axis
    World/ShaderNodeTexBrick: offset offset_frequency squash
    World/ShaderNodeTexEnvironment: interpolation
    World/ShaderNodeTexGradient: gradient_type
    World/ShaderNodeTexImage: extension interpolation projection
    World/ShaderNodeTexMagic: turbulence_depth
    World/ShaderNodeTexNoise: noise_dimensions noise_type normalize
    World/ShaderNodeTexSky: aerosol_density air_density altitude dust_density ozone_density sky_type sun_disc
        sun_elevation sun_intensity sun_rotation sun_size
    World/ShaderNodeTexVoronoi: distance feature normalize voronoi_dimensions
    World/ShaderNodeTexWave: bands_direction wave_profile
    World/ShaderNodeTexWhiteNoise: noise_dimensions
    World/ShaderNodeVectorTransform: convert_from convert_to
""")

KEPT_UNLESS_BLURRED = _kinds("""
    ArrayModifier: fit_type
    CompositorNodeTree/CompositorNodeConvertColorSpace: from_color_space to_color_space
    CompositorNodeTree/CompositorNodeDefocus: blur_max bokeh use_zbuffer z_scale
    CompositorNodeTree/NodeSocketInt: default_value
    CompositorNodeTree/NodeSocketVector: default_value
    Curve: eval_time fill_solver render_resolution_u use_path
    GreasePencilBuildModifier: frame_start invert_layer_pass_filter layer_pass_filter length use_percentage
        use_restrict_frame_range
    GreasePencilv3: stroke_depth_order
    Light/NodeSocket: enabled
    Light/ShaderNodeSeparateColor: mode
    Light/ShaderNodeTangent: direction_type
    Light/ShaderNodeTexEnvironment: projection
    Light/ShaderNodeTexGabor: gabor_type
    Light/ShaderNodeTexWave: wave_type
    MaskModifier: mode
    Material/NodeSocket: enabled
    Material/ShaderNodeBsdfHair: component
    Material/ShaderNodeBsdfHairPrincipled: model
    Material/ShaderNodeBsdfMetallic: fresnel_type
    Material/ShaderNodeBsdfPrincipled: distribution
    Material/ShaderNodeBsdfRefraction: distribution
    Material/ShaderNodeBsdfSheen: distribution
    Material/ShaderNodeBsdfToon: component
    Material/ShaderNodeDisplacement: space
    Material/ShaderNodeSeparateColor: mode
    Material/ShaderNodeTangent: direction_type
    Material/ShaderNodeTexEnvironment: projection
    Material/ShaderNodeTexGabor: gabor_type
    Material/ShaderNodeTexWave: wave_type
    NormalEditModifier: mode
    Object: hide_render
    OceanModifier: geometry_mode
    RemeshModifier: mode
    Scene/CompositorNodeAntiAliasing: threshold
    Scene/CompositorNodeBilateralblur: iterations sigma_space
    Scene/CompositorNodeBlur: size_x size_y
    Scene/CompositorNodeBokehImage: catadioptric
    Scene/CompositorNodeBoxMask: mask_height mask_type mask_width rotation x y
    Scene/CompositorNodeChannelMatte: color_space
    Scene/CompositorNodeColorBalance: correction_method gain gamma lift
    Scene/CompositorNodeColorCorrection: blue green master_contrast master_gain master_gamma master_lift
        master_saturation midtones_contrast midtones_gain midtones_gamma midtones_lift midtones_saturation red
        shadows_contrast shadows_gain shadows_gamma shadows_lift shadows_saturation
    Scene/CompositorNodeColorSpill: ratio
    Scene/CompositorNodeCombYCCA: mode
    Scene/CompositorNodeConvertColorSpace: from_color_space to_color_space
    Scene/CompositorNodeCrop: use_crop_size
    Scene/CompositorNodeDBlur: distance iterations spin zoom
    Scene/CompositorNodeDefocus: blur_max bokeh use_gamma_correction use_zbuffer z_scale
    Scene/CompositorNodeDiffMatte: falloff tolerance
    Scene/CompositorNodeDistanceMatte: channel
    Scene/CompositorNodeEllipseMask: mask_height mask_type mask_width rotation x y
    Scene/CompositorNodeFilter: filter_type
    Scene/CompositorNodeFlip: axis
    Scene/CompositorNodeGlare: mix
    Scene/CompositorNodeIDMask: index
    Scene/CompositorNodeInvert: invert_alpha invert_rgb
    Scene/CompositorNodeKuwahara: use_high_precision variation
    Scene/CompositorNodeLensdist: use_projector
    Scene/CompositorNodeLumaMatte: limit_max limit_min
    Scene/CompositorNodeMapValue: offset size
    Scene/CompositorNodeMath: operation
    Scene/CompositorNodeMixRGB: blend_type
    Scene/CompositorNodePixelate: pixel_size
    Scene/CompositorNodeRotate: filter_type
    Scene/CompositorNodeScale: space
    Scene/CompositorNodeSepYCCA: mode
    Scene/CompositorNodeSeparateColor: mode
    Scene/CompositorNodeSplit: axis
    Scene/CompositorNodeSunBeams: ray_length
    Scene/CompositorNodeSwitch: check
    Scene/CompositorNodeTime: frame_end frame_start
    Scene/CompositorNodeTonemap: adaptation contrast intensity tonemap_type
    Scene/CompositorNodeTransform: filter_type
    Scene/CompositorNodeTranslate: interpolation
    Scene/CompositorNodeVecBlur: samples
    Scene/CompositorNodeZcombine: use_alpha
    Scene/NodeSocketFloat: default_value
    World/NodeSocket: enabled
    World/ShaderNodeNormalMap: space
    World/ShaderNodeSeparateColor: mode
    World/ShaderNodeTangent: direction_type
    World/ShaderNodeTexEnvironment: projection
    World/ShaderNodeTexGabor: gabor_type
    World/ShaderNodeTexWave: wave_type
""")

MODIFIERS = _words("""
    ARMATURE ARRAY BEVEL BOOLEAN BUILD CAST CLOTH COLLISION CORRECTIVE_SMOOTH CURVE DATA_TRANSFER DECIMATE DISPLACE
        DYNAMIC_PAINT EDGE_SPLIT GREASE_PENCIL_ARMATURE GREASE_PENCIL_ARRAY GREASE_PENCIL_BUILD GREASE_PENCIL_COLOR
        GREASE_PENCIL_DASH GREASE_PENCIL_ENVELOPE GREASE_PENCIL_HOOK GREASE_PENCIL_LATTICE GREASE_PENCIL_LENGTH
        GREASE_PENCIL_MIRROR GREASE_PENCIL_MULTIPLY GREASE_PENCIL_NOISE GREASE_PENCIL_OFFSET GREASE_PENCIL_OPACITY
        GREASE_PENCIL_OUTLINE GREASE_PENCIL_SIMPLIFY GREASE_PENCIL_SMOOTH GREASE_PENCIL_SUBDIV GREASE_PENCIL_TEXTURE
        GREASE_PENCIL_THICKNESS GREASE_PENCIL_TIME GREASE_PENCIL_TINT GREASE_PENCIL_VERTEX_WEIGHT_ANGLE
        GREASE_PENCIL_VERTEX_WEIGHT_PROXIMITY HOOK LAPLACIANDEFORM LAPLACIANSMOOTH LATTICE LINEART MASK MESH_CACHE
        MESH_DEFORM MIRROR MULTIRES NODES NORMAL_EDIT OCEAN PARTICLE_INSTANCE REMESH SCREW SHRINKWRAP SIMPLE_DEFORM
        SKIN SMOOTH SOFT_BODY SOLIDIFY SUBSURF SURFACE_DEFORM TRIANGULATE UV_PROJECT UV_WARP VERTEX_WEIGHT_EDIT
        VERTEX_WEIGHT_MIX VERTEX_WEIGHT_PROXIMITY VOLUME_TO_MESH WARP WAVE WEIGHTED_NORMAL WELD WIREFRAME
""")

MODIFIERS_UNLESS_BLURRED = _words("""
    GREASE_PENCIL_SHRINKWRAP PARTICLE_SYSTEM
""")
