"""The nodes of PACK_NAME."""


class PackClass:
    """Makes pictures brighter or darker."""

    DESCRIPTION = "Makes pictures brighter or darker."
    CATEGORY = "PACK_NAME"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "What becomes brighter."}),
                "factor": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.05, "tooltip": "1 changes nothing."}),
            }
        }

    def run(self, image, factor):
        # With torch or numpy in the pack's environment an image is a tensor of theirs.
        if not isinstance(image, memoryview):
            return ((image * factor).clip(0.0, 1.0),)
        # Without, it is a memoryview of floats.
        shape = list(image.shape)
        flat = image.cast("B").cast("f")
        for i in range(len(flat)):
            flat[i] = min(1.0, flat[i] * factor)
        return (flat.cast("B").cast("f", shape),)


NODE_CLASS_MAPPINGS = {"PackClass": PackClass}
NODE_DISPLAY_NAME_MAPPINGS = {"PackClass": "Brightness (PACK_NAME)"}
