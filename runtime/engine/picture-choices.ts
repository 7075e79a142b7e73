import type { EngineConfig } from '../config.js'
import type { VisionOverrides } from '../vision/spec.js'

/** What was chosen over the checkpoint's own way with pictures. */
export function pictureChoices({ imageProfile, imageAspect }: EngineConfig): VisionOverrides {
  return {
    ...(imageProfile !== 'checkpoint' && { profile: imageProfile }),
    ...(imageAspect !== 'checkpoint' && { aspect: imageAspect }),
  }
}
