# SPDX-License-Identifier: GPL-3.0-or-later
"""Compositor: that of a scene, which has its nodes elsewhere since Blender 5. Runs inside Blender."""

from typing import Any

import bpy


def empty(scene: Any) -> tuple[Any, Any]:
    """Its tree, new and empty but for the node at its end, and that."""
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        return tree, tree.nodes.new("NodeGroupOutput")
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")
