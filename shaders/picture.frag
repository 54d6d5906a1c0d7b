#version 330 core
// An image in its pane, or how two images differ. Pixels of the target are addressed from the top
// left; each shows exactly one pixel of the image, without smoothing.
uniform sampler2D first;
uniform sampler2D second;
uniform sampler2D colours;     // the false-colour map, 256 × 1
uniform int mode;              // 0 image, 1 absolute, 2 squared, 3 signed, 4 split
uniform bool false_colour;
uniform float gain;
uniform float split_at;        // as a fraction of the target's width
uniform vec2 target_size;
uniform vec2 origin;           // of the image's top left corner in the target
uniform vec2 shown_size;       // of the image in the target
uniform vec3 background;

out vec4 colour;

vec3 pixel(sampler2D picture, vec2 place) {
  ivec2 size = textureSize(picture, 0);
  return texelFetch(picture, clamp(ivec2(place * vec2(size)), ivec2(0), size - 1), 0).rgb;
}

vec3 mapped(float value) {
  return texelFetch(colours, ivec2(clamp(value, 0.0, 1.0) * 255.0 + 0.5, 0), 0).rgb;
}

// Black where equal; red where the first is larger, blue where the second is.
vec3 diverging(float value) {
  float size = clamp(abs(value), 0.0, 1.0);
  vec3 end = value > 0.0 ? vec3(1.0, 0.35, 0.15) : vec3(0.2, 0.5, 1.0);
  return end * size;
}

float largest(vec3 v) { return max(v.r, max(v.g, v.b)); }

void main() {
  vec2 at = vec2(gl_FragCoord.x, target_size.y - gl_FragCoord.y);
  vec2 place = (at - origin) / shown_size;
  if (any(lessThan(place, vec2(0.0))) || any(greaterThanEqual(place, vec2(1.0)))) {
    colour = vec4(background, 1.0);
    return;
  }
  vec3 a = pixel(first, place);
  vec3 shown = clamp(a, 0.0, 1.0);
  if (mode == 4) {
    shown = at.x < split_at * target_size.x ? shown : clamp(pixel(second, place), 0.0, 1.0);
    shown = abs(at.x - split_at * target_size.x) < 1.0 ? vec3(1.0, 0.85, 0.2) : shown;
  } else if (mode != 0) {
    vec3 difference = a - pixel(second, place);
    if (mode == 3) {
      float mean = (difference.r + difference.g + difference.b) / 3.0 * gain;
      shown = false_colour ? diverging(mean) : clamp(difference * gain * 0.5 + 0.5, 0.0, 1.0);
    } else {
      vec3 size = mode == 1 ? abs(difference) : difference * difference;
      shown = false_colour ? mapped(largest(size) * gain) : clamp(size * gain, 0.0, 1.0);
    }
  }
  colour = vec4(shown, 1.0);
}
