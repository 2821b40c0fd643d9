"""Writes the slots of ComfyUI's own classes, which ours must equal, next to this script.

    curl http://127.0.0.1:8188/object_info > dump.json      # ComfyUI 0.3.64 with empty model folders
    python3 nodes/tests/make_object_info.py dump.json

Each class is one line: its title, menu, flags, inputs (name, whether required, configuration) and outputs (name, type, whether a list).
Configurations are `[type, options]` in one form for both ways in which ComfyUI declares nodes: a choice is the list of its names, an
empty one where they are files.
"""

import json
import pathlib
import sys

CLASSES = """
    CheckpointLoaderSimple CheckpointLoader DiffusersLoader UNETLoader CLIPLoader DualCLIPLoader TripleCLIPLoader VAELoader LoraLoader
    LoraLoaderModelOnly
    CheckpointSave ModelSave CLIPSave VAESave LoraSave
    ModelMergeSimple ModelMergeBlocks ModelMergeAdd ModelMergeSubtract CLIPMergeSimple CLIPMergeAdd CLIPMergeSubtract
    ModelMergeSD1 ModelMergeSD2 ModelMergeSDXL ModelMergeSD3_2B ModelMergeSD35_Large ModelMergeFlux1
    UpscaleModelLoader ImageUpscaleWithModel
    CLIPTextEncodeSDXL CLIPTextEncodeSDXLRefiner CLIPTextEncodeFlux FluxGuidance EmptySD3LatentImage
    ControlNetLoader DiffControlNetLoader ControlNetApply ControlNetApplyAdvanced
    CLIPTextEncode CLIPSetLastLayer
    ConditioningAverage ConditioningCombine ConditioningConcat ConditioningSetArea ConditioningSetAreaPercentage
    ConditioningSetAreaStrength ConditioningSetMask ConditioningZeroOut ConditioningSetTimestepRange InpaintModelConditioning
    InstructPixToPixConditioning
    KSampler KSamplerAdvanced SamplerCustom SamplerCustomAdvanced
    BasicGuider CFGGuider DualCFGGuider PerpNegGuider PerpNeg RandomNoise DisableNoise AddNoise
    BasicScheduler KarrasScheduler ExponentialScheduler PolyexponentialScheduler LaplaceScheduler VPScheduler BetaSamplingScheduler
    SDTurboScheduler AlignYourStepsScheduler GITSScheduler OptimalStepsScheduler LTXVScheduler
    SplitSigmas SplitSigmasDenoise FlipSigmas SetFirstSigma ExtendIntermediateSigmas SamplingPercentToSigma
    KSamplerSelect SamplerEulerAncestral SamplerEulerAncestralCFGPP SamplerEulerCFGpp SamplerLMS SamplerDPMPP_3M_SDE
    SamplerDPMPP_2M_SDE SamplerDPMPP_SDE SamplerDPMPP_2S_Ancestral SamplerDPMAdaptative SamplerER_SDE SamplerSASolver
    SamplerLCMUpscale
    ModelSamplingDiscrete ModelSamplingContinuousEDM ModelSamplingContinuousV ModelSamplingStableCascade ModelSamplingSD3
    ModelSamplingAuraFlow ModelSamplingFlux ModelSamplingLTXV
    RescaleCFG RenormCFG VideoLinearCFGGuidance VideoTriangleCFGGuidance APG TCFG FreSca LatentApplyOperation
    LatentApplyOperationCFG LatentOperationTonemapReinhard LatentOperationSharpen CFGZeroStar CFGNorm Mahiro PerturbedAttentionGuidance
    SelfAttentionGuidance SkipLayerGuidanceSD3 SkipLayerGuidanceDiT SkipLayerGuidanceDiTSimple DifferentialDiffusion EasyCache LazyCache
    FreeU FreeU_V2 HyperTile PatchModelAddDownscale TomePatchModel
    VAEDecode VAEEncode VAEEncodeForInpaint VAEDecodeTiled VAEEncodeTiled
    EmptyLatentImage LatentUpscale LatentUpscaleBy LatentFromBatch RepeatLatentBatch SetLatentNoiseMask LatentComposite LatentBlend
    LatentRotate LatentFlip LatentCrop LoadLatent SaveLatent
    LatentAdd LatentSubtract LatentMultiply LatentInterpolate LatentConcat LatentCut LatentBatch LatentBatchSeedBehavior
    LatentCompositeMasked RebatchLatents
    LoadImage LoadImageMask LoadImageOutput SaveImage PreviewImage
    ImageScale ImageScaleBy ImageScaleToTotalPixels ImageScaleToMaxDimension ImageInvert ImageBatch ImagePadForOutpaint EmptyImage
    ImageCrop RepeatImageBatch ImageFromBatch ImageAddNoise ImageStitch ResizeAndPadImage GetImageSize ImageRotate ImageFlip
    SaveAnimatedWEBP SaveAnimatedPNG RebatchImages
    ImageBlend ImageBlur ImageQuantize ImageSharpen Morphology ImageRGBToYUV ImageYUVToRGB Canny
    ImageCompositeMasked PorterDuffImageComposite SplitImageWithAlpha JoinImageWithAlpha
    MaskToImage ImageToMask ImageColorToMask SolidMask InvertMask CropMask MaskComposite FeatherMask GrowMask ThresholdMask MaskPreview
    PrimitiveString PrimitiveStringMultiline PrimitiveInt PrimitiveFloat PrimitiveBoolean
    StringConcatenate StringSubstring StringLength CaseConverter StringTrim StringReplace StringContains StringCompare
    RegexMatch RegexExtract RegexReplace PreviewAny
""".split()

# Choices among files: what a dump lists is what happened to be in its folders.
FILES = {
    "ckpt_name", "model_path", "unet_name", "clip_name", "clip_name1", "clip_name2", "lora_name", "model_name", "control_net_name", "image",
    "latent",
}

KEPT = {
    "default", "min", "max", "step", "round", "multiline", "dynamicPrompts", "control_after_generate", "image_upload", "lazy",
    "rawLink", "forceInput",
}


def config(name, declared):
    kind, about = declared[0], dict(declared[1]) if len(declared) > 1 else {}
    if kind == "COMBO":
        kind = about.get("options", [])
    if isinstance(kind, list) and name in FILES:
        kind = []
    return [kind, {key: value for key, value in about.items() if key in KEPT and value is not False or key == "default"}]


def compact(name, info):
    inputs = [
        [slot, group == "required", config(slot, info["input"][group][slot])]
        for group in ("required", "optional")
        for slot in info["input_order"].get(group, [])
    ]
    types = ["COMBO" if isinstance(it, list) else it for it in info["output"]]
    return {
        "display_name": info["display_name"] or name,
        "category": info["category"],
        "flags": [flag for flag in ("output_node", "deprecated", "experimental") if info.get(flag)],
        "inputs": inputs,
        "outputs": [list(it) for it in zip(info["output_name"], types, info["output_is_list"])],
    }


def main():
    dump = json.loads(pathlib.Path(sys.argv[1]).read_text())
    lines = [f"{json.dumps(name)}: {json.dumps(compact(name, dump[name]), ensure_ascii=False)}" for name in sorted([*CLASSES, "Epsilon Scaling"])]
    target = pathlib.Path(__file__).with_name("object_info.json")
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
